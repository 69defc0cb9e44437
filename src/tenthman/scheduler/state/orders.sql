-- name: insert_case
INSERT INTO cases (hash, ticker, as_of, body) VALUES (%s, %s, %s, %s) ON CONFLICT (hash) DO NOTHING

-- name: insert_decision
INSERT INTO decisions (run_id, id, session, slot, as_of, ticker, case_hash, action, score, verdict, verdict_detail,
                       denied_by, checks, client_order_id, body_hash, config_hash, model_version)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s::verdict_kind, %s, %s, %s, %s, %s, %s, %s)

-- name: insert_critique
INSERT INTO critiques (run_id, decision_id, role, model, model_digest, binding, state, stance, size_fraction, reasons,
                       cited, invalid_citations, confidence_pct, prompt_hash, latency_ms, detail, template_hash)
VALUES (%(run)s, %(decision)s, %(role)s, %(model)s,
        coalesce(%(digest)s, (SELECT model_digest FROM model_replies
                              WHERE prompt_hash = %(prompt)s AND model = %(model)s ORDER BY recorded_at DESC LIMIT 1)),
        %(binding)s, %(state)s, %(stance)s, %(size)s, %(reasons)s, %(cited)s, %(invalid)s, %(confidence)s, %(prompt)s,
        %(latency)s, %(detail)s, %(template)s)

-- name: insert_shadow
INSERT INTO shadow_positions (run_id, decision_id, ticker, cause, quantity, limit_price, stop_price, target_price,
                              horizon_sessions, opened_session)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)

-- name: insert_order
INSERT INTO orders (run_id, client_order_id, decision_id, purpose, ticker, side, quantity, order_type, time_in_force,
                    limit_price, stop_price, target_price, status, created_at, updated_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'intent', %s, %s)

-- name: insert_leg
INSERT INTO orders (run_id, client_order_id, decision_id, purpose, parent_client_order_id, broker_order_id, ticker,
                    side, quantity, order_type, time_in_force, limit_price, stop_price, status, filled_quantity,
                    filled_avg_price, created_at, updated_at)
SELECT run_id, %s, decision_id, %s, client_order_id, %s, %s, %s, %s, %s, time_in_force, %s, %s, %s, %s, %s, %s, %s
FROM orders WHERE run_id = %s AND client_order_id = %s

-- name: supersede_legs
-- A bracket has one stop and one target: a new one took the place of what was there, also where nobody said so.
UPDATE orders SET status = 'replaced', updated_at = %s
WHERE run_id = %s AND parent_client_order_id = %s AND purpose = %s AND client_order_id <> %s
  AND status NOT IN ('filled', 'canceled', 'expired', 'rejected', 'replaced')

-- name: lock_orders
SELECT client_order_id, broker_order_id, status, quantity, filled_quantity, filled_avg_price
FROM orders WHERE run_id = %s AND (client_order_id = ANY(%s) OR broker_order_id = ANY(%s)) FOR UPDATE

-- name: update_order
UPDATE orders SET broker_order_id = %s, status = %s, quantity = %s, filled_quantity = %s, filled_avg_price = %s,
       updated_at = %s, error = NULL
WHERE run_id = %s AND client_order_id = %s

-- name: mark_order
UPDATE orders SET status = %s, error = %s, updated_at = %s WHERE run_id = %s AND client_order_id = %s

-- name: orders_in_doubt
-- What never arrived is asked for once more until a day of market time has passed.
SELECT client_order_id, status = 'rejected' FROM orders
WHERE run_id = %(run)s AND (status IN ('intent', 'unknown') OR (
    status = 'rejected' AND broker_order_id IS NULL AND error = %(never_arrived)s
    AND created_at > (SELECT max(at) FROM equity WHERE run_id = %(run)s) - interval '1 day'))
ORDER BY created_at, client_order_id

-- name: unfinished_orders
SELECT client_order_id, broker_order_id, status FROM orders AS parent
WHERE run_id = %s AND purpose IN ('entry', 'exit') AND status NOT IN ('intent', 'unknown')
  AND (status NOT IN ('filled', 'canceled', 'expired', 'rejected', 'replaced') OR EXISTS (
      SELECT FROM orders AS leg
      WHERE leg.run_id = parent.run_id AND leg.parent_client_order_id = parent.client_order_id
        AND leg.status NOT IN ('filled', 'canceled', 'expired', 'rejected', 'replaced')))
ORDER BY created_at, client_order_id
