-- name: serialise
SELECT pg_advisory_xact_lock(7305003)

-- name: last_link
SELECT sequence, hash FROM audit_events ORDER BY sequence DESC LIMIT 1

-- name: ends
SELECT (SELECT hash FROM audit_events WHERE sequence = 1), sequence, hash
FROM audit_events ORDER BY sequence DESC LIMIT 1

-- name: link
SELECT hash FROM audit_events WHERE sequence = %s

-- name: store
SELECT (SELECT system_identifier FROM pg_control_system())::text || '/' || current_database()

-- name: append
INSERT INTO audit_events (sequence, run_id, at, kind, subject, payload, previous_hash, hash)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)

-- name: chain
SELECT sequence, run_id::text, at, kind, subject, payload, previous_hash, hash
FROM audit_events ORDER BY sequence
