-- name: last_point
-- Once the desk is re-armed the peak begins anew, also before the next point says so.
SELECT at, session, equity_usd, cash_usd,
       CASE WHEN at < (SELECT max(changed_at) FROM trading_state
                       WHERE trading_state.run_id = equity.run_id AND state = 'active')
            THEN equity_usd ELSE peak_usd END,
       day_start_usd, holdings
FROM equity WHERE run_id = %s ORDER BY at DESC LIMIT 1

-- name: resting_stops
SELECT ticker, max(stop_price) FROM orders
WHERE run_id = %s AND purpose = 'stop' AND status NOT IN ('filled', 'canceled', 'expired', 'rejected', 'replaced')
GROUP BY ticker

-- name: waiting_entries
SELECT ticker, quantity - filled_quantity, limit_price, stop_price FROM orders
WHERE run_id = %s AND purpose = 'entry' AND quantity > filled_quantity
  AND status NOT IN ('filled', 'canceled', 'expired', 'rejected', 'replaced')
ORDER BY created_at, client_order_id
