-- name: rung
SELECT rung FROM debates WHERE case_hash = %(case)s AND model_digest = %(digest)s AND ladder_hash = %(ladder)s

-- name: keep_rung
-- The first one counts.
INSERT INTO debates (case_hash, model_digest, ladder_hash, rung, seconds)
VALUES (%(case)s, %(digest)s, %(ladder)s, %(rung)s, %(seconds)s)
ON CONFLICT (case_hash, model_digest, ladder_hash) DO NOTHING
