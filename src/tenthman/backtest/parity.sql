-- name: orders
SELECT created_at, purpose, ticker, trim_scale(quantity), trim_scale(limit_price), trim_scale(stop_price),
       trim_scale(target_price), status, decision_id
FROM orders WHERE run_id = %s AND purpose IN ('entry', 'exit') ORDER BY created_at, ticker, purpose

-- name: fills
SELECT fills.filled_at, orders.purpose, fills.ticker, trim_scale(fills.quantity), trim_scale(fills.price),
       trim_scale(fills.fees_usd), orders.decision_id
FROM fills JOIN orders ON orders.run_id = fills.run_id AND orders.client_order_id = fills.client_order_id
WHERE fills.run_id = %s ORDER BY fills.filled_at, fills.ticker, orders.purpose

-- name: equity
SELECT at, trim_scale(equity_usd), trim_scale(cash_usd) FROM equity WHERE run_id = %s ORDER BY at

-- name: decisions
SELECT id, action, score, verdict::text, verdict_detail ->> 'reason', denied_by FROM decisions WHERE run_id = %s
