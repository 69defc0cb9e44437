-- name: replies
-- What the tape holds for these prompts and this model.
SELECT prompt_hash, state, reply, model, prompt_tokens, reply_tokens, latency_ms, options, read_ms, write_ms,
       failure
FROM model_replies
WHERE model_digest = %(digest)s AND prompt_hash = ANY(%(hashes)s);

-- name: keep_reply
-- The first reply to a prompt is the one that counts.
INSERT INTO model_replies
    (prompt_hash, model_digest, model, role, prompt, state, reply, prompt_tokens, reply_tokens, latency_ms, options,
     read_ms, write_ms, failure)
VALUES
    (%(prompt_hash)s, %(digest)s, %(model)s, %(role)s, %(prompt)s, %(state)s, %(reply)s, %(prompt_tokens)s,
     %(reply_tokens)s, %(latency_ms)s, %(options)s, %(read_ms)s, %(write_ms)s, %(failure)s)
ON CONFLICT (prompt_hash, model_digest) DO NOTHING;

-- name: keep_unanswered
INSERT INTO unanswered_prompts (prompt_hash, model_digest, model, role, prompt, options, state, latency_ms, failure)
VALUES (%(prompt_hash)s, %(digest)s, %(model)s, %(role)s, %(prompt)s, %(options)s, %(state)s, %(latency_ms)s, %(failure)s);

-- name: examination
-- Whether this model, asked in this way and marked by these marks, has passed: the one with the most cases tells.
SELECT passed
FROM examinations
WHERE model_digest = %(digest)s AND prompts_hash = %(prompts_hash)s AND marks_hash = %(marks_hash)s
ORDER BY (result ->> 'sat')::integer DESC, id DESC
LIMIT 1;

-- name: papers
-- The answers of the examination that tells.
SELECT result -> 'papers'
FROM examinations
WHERE model_digest = %(digest)s AND prompts_hash = %(prompts_hash)s AND marks_hash = %(marks_hash)s
ORDER BY (result ->> 'sat')::integer DESC, id DESC
LIMIT 1;

-- name: keep_examination
INSERT INTO examinations (model, model_digest, prompts_hash, marks_hash, passed, result, examined_at)
VALUES (%(model)s, %(digest)s, %(prompts_hash)s, %(marks_hash)s, %(passed)s, %(result)s, %(at)s);
