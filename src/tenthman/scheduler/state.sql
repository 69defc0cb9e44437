-- name: lock_key
SELECT pg_advisory_xact_lock(hashtextextended('start of ' || %s, 0))

-- name: hold_run
SELECT pg_advisory_lock(hashtextextended('run ' || %s, 0))

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

-- name: inherited_state
SELECT state, reason FROM trading_state JOIN runs ON runs.id = run_id
WHERE account_id = %s AND world = %s AND world IN ('paper', 'live') ORDER BY sequence DESC LIMIT 1

-- name: end_run
UPDATE runs SET status = %s::run_status, finished_at = %s, summary = %s WHERE id = %s AND status = 'running'

-- name: reached
UPDATE runs SET reached = %s WHERE id = %s

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

-- name: open_shadows
SELECT decision_id, as_of, shadow_positions.ticker, cause, quantity, limit_price, stop_price, target_price,
       horizon_sessions, opened_session
FROM shadow_positions
JOIN decisions ON decisions.run_id = shadow_positions.run_id AND decisions.id = decision_id
WHERE shadow_positions.run_id = %s AND exit_reason IS NULL ORDER BY opened_session, decision_id

-- name: end_shadow
UPDATE shadow_positions SET entry_price = %s, exit_price = %s, exit_session = %s, exit_reason = %s, pnl_usd = %s,
       fees_usd = %s
WHERE run_id = %s AND decision_id = %s AND exit_reason IS NULL

-- name: committee_evidence
-- Of this run, or of all runs of its account where it trades one.
SELECT critiques.model, critiques.model_digest, critiques.template_hash, decisions.session, size_fraction,
       shadow.decision_id, as_of, shadow.ticker, cause, quantity, limit_price, stop_price, target_price,
       horizon_sessions, opened_session, entry_price, exit_price, exit_session, exit_reason,
       coalesce(fees_usd, 0)
FROM shadow_positions AS shadow
JOIN decisions ON decisions.run_id = shadow.run_id AND decisions.id = shadow.decision_id
JOIN critiques ON critiques.run_id = shadow.run_id AND critiques.decision_id = shadow.decision_id
JOIN runs AS own ON own.id = %s
JOIN runs ON runs.id = shadow.run_id AND (runs.id = own.id OR (
    own.world IN ('paper', 'live') AND runs.world = own.world AND runs.account_id = own.account_id))
WHERE role = 'committee' AND binding AND stance IN ('veto', 'shrink') AND entry_price IS NOT NULL
  AND exit_reason IS NOT NULL AND critiques.model_digest IS NOT NULL AND critiques.template_hash IS NOT NULL
  AND as_of > coalesce((
      SELECT max(changed_at) FROM committee_standings AS standing JOIN runs AS earlier ON earlier.id = standing.run_id
      WHERE standing.model_digest = critiques.model_digest AND standing.template_hash = critiques.template_hash
        AND standing.standing = 'reinstated' AND (earlier.id = own.id OR (
            own.world IN ('paper', 'live') AND earlier.world = own.world AND earlier.account_id = own.account_id))
      ), '-infinity')

-- name: committee_standings
SELECT DISTINCT ON (model_digest, template_hash) model, model_digest, template_hash, standing
FROM committee_standings JOIN runs AS own ON own.id = %s
JOIN runs ON runs.id = committee_standings.run_id AND (runs.id = own.id OR (
    own.world IN ('paper', 'live') AND runs.world = own.world AND runs.account_id = own.account_id))
ORDER BY model_digest, template_hash, sequence DESC

-- name: insert_committee_standing
INSERT INTO committee_standings (run_id, model, model_digest, template_hash, standing, reason, evidence, changed_by,
                                 changed_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)

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

-- name: insert_payout
INSERT INTO orders (run_id, client_order_id, decision_id, purpose, broker_order_id, ticker, side, quantity, order_type,
                    time_in_force, status, filled_quantity, filled_avg_price, created_at, updated_at)
VALUES (%(run)s, %(order)s, %(decision)s, 'delisted', %(order)s, %(ticker)s, %(side)s, %(quantity)s, 'market', 'day',
        'filled', %(quantity)s, %(price)s, %(at)s, %(at)s)

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
SELECT client_order_id, decision_id, ticker, purpose, status, status = 'rejected' FROM orders
WHERE run_id = %(run)s AND (status IN ('intent', 'unknown') OR (
    status = 'rejected' AND broker_order_id IS NULL AND error = %(never_arrived)s
    AND created_at > (SELECT max(at) FROM equity WHERE run_id = %(run)s) - interval '1 day'))
ORDER BY created_at, client_order_id

-- name: unfinished_orders
SELECT client_order_id, broker_order_id, status FROM orders AS parent
WHERE run_id = %s AND purpose IN ('entry', 'exit') AND status NOT IN ('intent', 'unknown', 'refused')
  AND (status NOT IN ('filled', 'canceled', 'expired', 'rejected', 'replaced') OR EXISTS (
      SELECT FROM orders AS leg
      WHERE leg.run_id = parent.run_id AND leg.parent_client_order_id = parent.client_order_id
        AND leg.status NOT IN ('filled', 'canceled', 'expired', 'rejected', 'replaced')))
ORDER BY created_at, client_order_id

-- name: order_of_broker
SELECT orders.client_order_id, orders.decision_id, purpose, verdict_detail ->> 'reason'
FROM orders JOIN decisions ON decisions.run_id = orders.run_id AND decisions.id = orders.decision_id
WHERE orders.run_id = %s AND broker_order_id = %s

-- name: insert_fill
INSERT INTO fills (run_id, execution_id, client_order_id, ticker, side, quantity, price, fees_usd, filled_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (run_id, execution_id) DO NOTHING

-- name: trip_of_decision
SELECT decision_id, ticker, quantity, bought, avg_entry_price, opened_at, closed_at, exit_reason, avg_exit_price,
       fees_usd, realised_usd
FROM positions WHERE run_id = %s AND decision_id = %s FOR UPDATE

-- name: open_trips_of_ticker
SELECT decision_id, ticker, quantity, bought, avg_entry_price, opened_at, closed_at, exit_reason, avg_exit_price,
       fees_usd, realised_usd
FROM positions WHERE run_id = %s AND ticker = %s AND quantity > 0 ORDER BY opened_at, decision_id FOR UPDATE

-- name: save_trip
INSERT INTO positions (run_id, decision_id, ticker, quantity, bought, avg_entry_price, opened_at, opened_session,
                       closed_at, exit_reason, avg_exit_price, fees_usd, realised_usd)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (run_id, decision_id) DO UPDATE SET
    quantity = excluded.quantity, bought = excluded.bought, avg_entry_price = excluded.avg_entry_price,
    closed_at = excluded.closed_at, exit_reason = excluded.exit_reason, avg_exit_price = excluded.avg_exit_price,
    fees_usd = excluded.fees_usd, realised_usd = excluded.realised_usd

-- name: open_trades
SELECT positions.ticker, positions.decision_id, opened_session, client_order_id
FROM positions JOIN orders ON orders.run_id = positions.run_id AND orders.decision_id = positions.decision_id
                          AND purpose = 'entry'
WHERE positions.run_id = %s AND positions.quantity > 0 ORDER BY opened_at DESC, positions.decision_id DESC

-- name: save_equity
INSERT INTO equity (run_id, at, session, equity_usd, cash_usd, peak_usd, day_start_usd, positions, holdings)
VALUES (%(run)s, %(at)s, %(session)s, %(equity)s, %(cash)s,
        greatest(%(equity)s, (SELECT max(equity_usd) FROM equity WHERE run_id = %(run)s AND at >= (
            SELECT max(changed_at) FROM trading_state WHERE run_id = %(run)s AND state = 'active'))),
        %(day_start)s, %(positions)s, %(holdings)s)
ON CONFLICT (run_id, at) DO UPDATE SET
    session = excluded.session, equity_usd = excluded.equity_usd, cash_usd = excluded.cash_usd,
    peak_usd = excluded.peak_usd, day_start_usd = excluded.day_start_usd, positions = excluded.positions,
    holdings = excluded.holdings
RETURNING peak_usd

-- name: settled_at
SELECT max(at) FROM equity WHERE run_id = %s

-- name: peak_equity
SELECT peak_usd FROM equity WHERE run_id = %s ORDER BY at DESC LIMIT 1

-- name: day_start_equity
SELECT day_start_usd FROM equity WHERE run_id = %s AND session = %s ORDER BY at LIMIT 1

-- name: look_back
SELECT (SELECT CASE WHEN EXISTS (SELECT FROM equity AS earlier WHERE earlier.run_id = point.run_id
                                 AND earlier.session >= %(monday)s AND earlier.at < point.at)
                    THEN equity_usd ELSE day_start_usd END
        FROM equity AS point
        WHERE run_id = %(run)s AND session >= %(monday)s AND at >= (
            SELECT max(changed_at) FROM trading_state WHERE run_id = %(run)s AND state = 'active')
        ORDER BY at LIMIT 1),
       (SELECT coalesce(sum(quantity * limit_price), 0)
        FROM orders JOIN decisions ON decisions.run_id = orders.run_id AND decisions.id = decision_id
        WHERE orders.run_id = %(run)s AND purpose = 'entry' AND session = %(session)s
          AND NOT (status = 'rejected' AND broker_order_id IS NULL))

-- name: last_stops
SELECT ticker, max(closed_at) FROM positions WHERE run_id = %s AND exit_reason = 'stop' GROUP BY ticker

-- name: lock_run
SELECT 1 FROM runs WHERE id = %s FOR UPDATE

-- name: trading_state
SELECT state FROM trading_state WHERE run_id = %s ORDER BY sequence DESC LIMIT 1

-- name: idle_since
SELECT greatest((SELECT max(changed_at) FROM trading_state WHERE run_id = %s),
                (SELECT max(at) FROM equity WHERE run_id = %s AND positions > 0))

-- name: is_below_peak
SELECT equity_usd < peak_usd FROM equity WHERE run_id = %s ORDER BY at DESC LIMIT 1

-- name: insert_trading_state
INSERT INTO trading_state (run_id, state, reason, changed_by, changed_at) VALUES (%s, %s, %s, %s, %s)
