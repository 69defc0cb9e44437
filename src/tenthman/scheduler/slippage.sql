-- name: fills
-- Expected is what the decision reckoned with: the limit of an entry or a target, the price of a stop, and for an exit
-- what the holding was worth when it was decided. Nobody expected anything of a payout, or of what was worth nothing.
SELECT execution_id, fills.client_order_id, orders.decision_id, fills.ticker, purpose, fills.side, fills.quantity, price,
       fees_usd, filled_at,
       nullif(CASE purpose
           WHEN 'entry' THEN limit_price
           WHEN 'target' THEN limit_price
           WHEN 'stop' THEN stop_price
           WHEN 'exit' THEN (
               SELECT (holdings -> orders.ticker ->> 'price')::numeric FROM equity
               WHERE equity.run_id = orders.run_id AND at <= orders.created_at ORDER BY at DESC LIMIT 1)
       END, 0) AS expected_price
FROM fills JOIN orders ON orders.run_id = fills.run_id AND orders.client_order_id = fills.client_order_id
WHERE fills.run_id = %(run)s AND (%(orders)s::text[] IS NULL OR fills.client_order_id = ANY(%(orders)s))
ORDER BY filled_at, execution_id
