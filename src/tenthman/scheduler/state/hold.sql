-- name: hold_run
SELECT pg_advisory_lock(hashtextextended('run ' || %s, 0))
