-- Migration 9: examinations are kept, not replaced; how long and with which options a reply was made; questions in vain.

ALTER TABLE examinations DROP CONSTRAINT examinations_model_digest_prompts_hash_marks_hash_key;
CREATE INDEX examinations_by_model ON examinations (model_digest, prompts_hash, marks_hash);

ALTER TABLE model_replies ADD COLUMN options jsonb NOT NULL DEFAULT '{}';
ALTER TABLE model_replies ADD COLUMN read_ms integer NOT NULL DEFAULT 0 CHECK (read_ms >= 0);
ALTER TABLE model_replies ADD COLUMN write_ms integer NOT NULL DEFAULT 0 CHECK (write_ms >= 0);

CREATE TABLE unanswered_prompts (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    prompt_hash   text NOT NULL,
    model_digest  text NOT NULL,
    model         text NOT NULL,
    role          text NOT NULL,
    prompt        jsonb NOT NULL,
    options       jsonb NOT NULL,
    state         text NOT NULL CHECK (state IN ('timed_out', 'unreachable', 'over_budget')),
    latency_ms    integer NOT NULL CHECK (latency_ms >= 0),
    recorded_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX unanswered_prompts_by_prompt ON unanswered_prompts (prompt_hash, model_digest);
