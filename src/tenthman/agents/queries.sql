-- name: replies
-- What the tape holds for these prompts and this model.
SELECT prompt_hash, state, reply, model, prompt_tokens, reply_tokens, latency_ms
FROM model_replies
WHERE model_digest = %(digest)s AND prompt_hash = ANY(%(hashes)s);

-- name: keep_reply
-- The first reply to a prompt is the one that counts.
INSERT INTO model_replies
    (prompt_hash, model_digest, model, role, prompt, state, reply, prompt_tokens, reply_tokens, latency_ms)
VALUES
    (%(prompt_hash)s, %(digest)s, %(model)s, %(role)s, %(prompt)s, %(state)s, %(reply)s, %(prompt_tokens)s,
     %(reply_tokens)s, %(latency_ms)s)
ON CONFLICT (prompt_hash, model_digest) DO NOTHING;

-- name: examination
-- Whether this model, asked in this way and marked by these marks, has passed.
SELECT passed
FROM examinations
WHERE model_digest = %(digest)s AND prompts_hash = %(prompts_hash)s AND marks_hash = %(marks_hash)s;

-- name: keep_examination
INSERT INTO examinations (model, model_digest, prompts_hash, marks_hash, passed, result, examined_at)
VALUES (%(model)s, %(digest)s, %(prompts_hash)s, %(marks_hash)s, %(passed)s, %(result)s, %(at)s)
ON CONFLICT (model_digest, prompts_hash, marks_hash) DO NOTHING;
