-- name: lock_key
SELECT pg_advisory_xact_lock(hashtextextended('start of ' || %s, 0))

-- name: lock_account
SELECT pg_advisory_xact_lock(hashtextextended('account ' || %s, 0))

-- name: runs_of_account
SELECT id::text FROM runs WHERE account_id = %s AND world IN ('paper', 'live')

-- name: is_abandoned
SELECT pg_try_advisory_xact_lock(hashtextextended('run ' || %s, 0))

-- name: running_runs
SELECT id::text, reached FROM runs WHERE key_hash = %s AND status = 'running' ORDER BY started_at

-- name: mark_interrupted
UPDATE runs SET status = 'interrupted', finished_at = %s WHERE id = %s

-- name: insert_run
INSERT INTO runs (id, key_hash, market_id, world, account_id, first_session, last_session, config_hash, model_version,
                  started_at, status)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'running')

-- name: resume_run
UPDATE runs SET status = 'running', finished_at = NULL WHERE id = %s

-- name: newest_run
SELECT id FROM runs WHERE world = %(world)s AND (%(account)s::text IS NULL OR account_id = %(account)s)
ORDER BY started_at DESC LIMIT 1

-- name: finish_run
UPDATE runs SET status = 'finished', finished_at = %s, summary = %s WHERE id = %s AND status = 'running'
