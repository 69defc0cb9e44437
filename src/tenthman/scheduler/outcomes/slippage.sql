-- name: fills
-- Expected is what the order reckoned with: the limit of an entry or a target, the price of a stop, and for an exit
-- what the holding was worth when it was decided. Nobody expected anything of a payout, or of what was worth nothing.
-- The price at the decision is in the intent; runs older than that have it for exits alone, in the equity curve.
SELECT execution_id, fills.client_order_id, orders.decision_id, fills.ticker, purpose, fills.side, fills.quantity, fills.price,
       fees_usd, filled_at,
       nullif(CASE purpose
           WHEN 'entry' THEN limit_price
           WHEN 'target' THEN limit_price
           WHEN 'stop' THEN stop_price
           WHEN 'exit' THEN coalesce(intended.price, worth.price)
       END, 0) AS expected_price,
       nullif(CASE WHEN purpose = 'exit' THEN coalesce(intended.price, worth.price) ELSE intended.price END, 0)
           AS decision_price
FROM fills JOIN orders ON orders.run_id = fills.run_id AND orders.client_order_id = fills.client_order_id
LEFT JOIN LATERAL (
    SELECT (payload::jsonb ->> 'decision_price')::numeric AS price FROM audit_events
    WHERE subject = orders.client_order_id AND audit_events.run_id = orders.run_id AND kind = 'order_intent'
    ORDER BY sequence LIMIT 1) AS intended ON purpose IN ('entry', 'exit')
LEFT JOIN LATERAL (
    SELECT (holdings -> orders.ticker ->> 'price')::numeric AS price FROM equity
    WHERE equity.run_id = orders.run_id AND at <= orders.created_at ORDER BY at DESC LIMIT 1) AS worth
    ON purpose = 'exit'
WHERE fills.run_id = %(run)s AND (%(orders)s::text[] IS NULL OR fills.client_order_id = ANY(%(orders)s))
ORDER BY filled_at, execution_id
