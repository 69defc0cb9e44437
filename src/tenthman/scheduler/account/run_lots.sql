-- name: fills
SELECT execution_id, client_order_id AS broker_order_id, ticker, side, quantity, price, filled_at, fees_usd
FROM fills WHERE run_id = %(run)s ORDER BY filled_at, execution_id

-- name: last_prices
SELECT holdings FROM equity WHERE run_id = %(run)s ORDER BY at DESC LIMIT 1
