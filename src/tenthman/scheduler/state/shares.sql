-- name: insert_share_change
INSERT INTO share_changes (run_id, ticker, since, becomes, new_shares, old_shares, shown_at)
VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (run_id, ticker, since) DO NOTHING

-- name: insert_fraction
WITH sold AS (
    INSERT INTO orders (run_id, client_order_id, decision_id, purpose, ticker, side, quantity, order_type,
                        time_in_force, status, filled_quantity, filled_avg_price, created_at, updated_at)
    VALUES (%(run)s, %(order)s, %(decision)s, 'fraction', %(ticker)s, 'sell', %(quantity)s, 'market', 'day', 'filled',
            %(quantity)s, %(price)s, %(at)s, %(at)s)
    RETURNING run_id, client_order_id, ticker, side, quantity, filled_avg_price
)
INSERT INTO fills (run_id, execution_id, client_order_id, ticker, side, quantity, price, fees_usd, filled_at)
SELECT run_id, client_order_id, client_order_id, ticker, side, quantity, filled_avg_price, 0, %(filled_at)s FROM sold

-- name: cash_since
SELECT at, cash_usd + coalesce((
    SELECT sum(CASE side WHEN 'buy' THEN -1 ELSE 1 END * quantity * price) FROM fills
    WHERE fills.run_id = equity.run_id AND filled_at > equity.at), 0)
FROM equity WHERE run_id = %s ORDER BY at DESC LIMIT 1

-- name: trade_of
SELECT decision_id FROM positions WHERE run_id = %s AND ticker = ANY(%s)
ORDER BY quantity = 0, opened_at, decision_id LIMIT 1
