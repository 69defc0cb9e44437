-- name: insert_payout
INSERT INTO orders (run_id, client_order_id, decision_id, purpose, broker_order_id, ticker, side, quantity, order_type,
                    time_in_force, status, filled_quantity, filled_avg_price, created_at, updated_at)
VALUES (%(run)s, %(order)s, %(decision)s, 'delisted', %(order)s, %(ticker)s, %(side)s, %(quantity)s, 'market', 'day',
        'filled', %(quantity)s, %(price)s, %(at)s, %(at)s)

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
    ticker = excluded.ticker, quantity = excluded.quantity, bought = excluded.bought, avg_entry_price = excluded.avg_entry_price,
    closed_at = excluded.closed_at, exit_reason = excluded.exit_reason, avg_exit_price = excluded.avg_exit_price,
    fees_usd = excluded.fees_usd, realised_usd = excluded.realised_usd

-- name: open_trades
SELECT ticker, decision_id, opened_session
FROM positions WHERE run_id = %s AND quantity > 0 ORDER BY opened_at DESC, decision_id DESC

-- name: unbooked
SELECT told.execution_id FROM (SELECT %s::uuid AS id) AS run
CROSS JOIN unnest(%s::text[], %s::text[]) AS told (execution_id, broker_order_id)
JOIN orders ON orders.run_id = run.id AND orders.broker_order_id = told.broker_order_id
WHERE NOT EXISTS (SELECT FROM fills WHERE fills.run_id = run.id AND fills.execution_id = told.execution_id)

-- name: unbooked_payouts
-- Of what the run holds: others may have had shares of a delisted name on the account too.
SELECT told.execution_id FROM (SELECT %s::uuid AS id) AS run
CROSS JOIN unnest(%s::text[], %s::text[]) AS told (execution_id, ticker)
WHERE EXISTS (SELECT FROM positions WHERE run_id = run.id AND positions.ticker = told.ticker AND quantity > 0)
  AND NOT EXISTS (SELECT FROM fills WHERE fills.run_id = run.id AND fills.execution_id = told.execution_id)

-- name: holdings
SELECT ticker, sum(quantity), coalesce(min(opened_at) FILTER (WHERE quantity > 0), min(opened_at)) FROM positions
WHERE run_id = %s AND (quantity > 0 OR closed_at > %s) GROUP BY ticker

-- name: executions
SELECT execution_id, coalesce(broker_order_id, fills.client_order_id), fills.ticker, fills.side, fills.quantity, price,
       filled_at, fees_usd, orders.decision_id, purpose, verdict_detail ->> 'reason'
FROM fills JOIN orders ON orders.run_id = fills.run_id AND orders.client_order_id = fills.client_order_id
JOIN decisions ON decisions.run_id = orders.run_id AND decisions.id = orders.decision_id
WHERE fills.run_id = %s AND fills.ticker = ANY(%s) ORDER BY filled_at, fills.side, execution_id

-- name: share_changes
SELECT ticker, since, becomes, new_shares, old_shares FROM share_changes WHERE run_id = %s ORDER BY since, ticker
