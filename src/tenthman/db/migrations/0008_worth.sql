-- Migration 8: what a committee's opinions were worth, and how much of its time each debate was given.

ALTER TABLE shadow_positions ADD COLUMN fees_usd numeric CHECK (fees_usd >= 0);

ALTER TABLE critiques ADD COLUMN template_hash text;
CREATE INDEX critiques_by_role ON critiques (role, stance);
CREATE INDEX decisions_by_session ON decisions (session, ticker);

CREATE TABLE committee_standings (
    sequence     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id       uuid NOT NULL REFERENCES runs (id),
    model        text NOT NULL,
    model_digest text NOT NULL CHECK (model_digest <> ''),
    template_hash text NOT NULL CHECK (template_hash <> ''),
    standing     text NOT NULL CHECK (standing IN ('demoted', 'reinstated')),
    reason       text NOT NULL CHECK (reason <> ''),
    evidence     jsonb NOT NULL,
    changed_by   text NOT NULL CHECK (changed_by <> ''),
    changed_at   timestamptz NOT NULL
);
CREATE INDEX committee_standings_by_run ON committee_standings (run_id, sequence);
CREATE TRIGGER committee_standings_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON committee_standings
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE debates (
    case_hash    text NOT NULL CHECK (length(case_hash) = 64),
    model_digest text NOT NULL CHECK (model_digest <> ''),
    ladder_hash  text NOT NULL CHECK (length(ladder_hash) = 64),
    rung         text NOT NULL CHECK (rung IN ('full', 'short', 'unreviewed')),
    seconds      double precision NOT NULL CHECK (seconds >= 0 AND seconds < 'Infinity'),
    held_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (case_hash, model_digest, ladder_hash)
);
