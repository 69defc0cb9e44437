-- name: inherited_state
SELECT state, reason FROM trading_state JOIN runs ON runs.id = run_id
WHERE account_id = %s AND world = %s AND world IN ('paper', 'live') ORDER BY sequence DESC LIMIT 1

-- name: lock_run
SELECT 1 FROM runs WHERE id = %s FOR UPDATE

-- name: trading_state
SELECT state FROM trading_state WHERE run_id = %s ORDER BY sequence DESC LIMIT 1

-- name: idle_since
SELECT greatest((SELECT max(changed_at) FROM trading_state WHERE run_id = %s),
                (SELECT max(at) FROM equity WHERE run_id = %s AND positions > 0))

-- name: insert_trading_state
INSERT INTO trading_state (run_id, state, reason, changed_by, changed_at) VALUES (%s, %s, %s, %s, %s)
