-- name: first_cash
SELECT cash_usd FROM equity WHERE run_id = %s ORDER BY at LIMIT 1

-- name: traded
SELECT trim_scale(round(coalesce(sum(CASE side WHEN 'buy' THEN -1 ELSE 1 END * quantity * price), 0), 9)) FROM fills WHERE run_id = %s

-- name: holdings
SELECT ticker, sum(quantity), sum(quantity * avg_entry_price) FROM positions WHERE run_id = %s AND quantity > 0
GROUP BY ticker

-- name: executions
SELECT execution_id FROM fills JOIN orders USING (run_id, client_order_id) WHERE run_id = %s AND purpose <> 'fraction'
  AND execution_id NOT LIKE 'paid-out-%%'

-- name: sent
SELECT broker_order_id FROM orders WHERE run_id = %s AND broker_order_id IS NOT NULL

-- name: in_doubt
SELECT count(*) FROM orders WHERE run_id = %s AND status IN ('intent', 'unknown')

-- name: realised
SELECT coalesce(sum(realised_usd), 0) FROM positions WHERE run_id = %s

-- name: fees
SELECT (filled_at AT TIME ZONE 'America/New_York')::date AS day, sum(fees_usd) FROM fills WHERE run_id = %s
GROUP BY day HAVING sum(fees_usd) > 0 ORDER BY day
