-- name: fills
SELECT execution_id, client_order_id AS broker_order_id, ticker, side, quantity, price, filled_at, fees_usd
FROM fills WHERE run_id = %(run)s ORDER BY filled_at, execution_id

-- name: splits
-- Only an account has them: markets that are replayed are split-adjusted. `held` is what the broker said it held
-- at the last look of the first session on or after the day, NULL where it held none: a look in the night before the
-- open may come before the broker has split the shares.
SELECT DISTINCT ON (actions.ticker, ex_date) actions.ticker, ex_date, value,
       (seen.holdings -> actions.ticker ->> 'quantity')::numeric AS held, seen.at AS seen_at
FROM runs
JOIN corporate_actions AS actions ON actions.market_id = runs.market_id AND actions.kind = 'split'
CROSS JOIN LATERAL (
    SELECT at, holdings FROM equity
    WHERE equity.run_id = runs.id AND session >= ex_date ORDER BY session, at DESC LIMIT 1
) AS seen
WHERE runs.id = %(run)s AND runs.world = 'paper' AND ex_date >= runs.first_session
ORDER BY actions.ticker, ex_date, source

-- name: last_prices
SELECT holdings FROM equity WHERE run_id = %(run)s ORDER BY at DESC LIMIT 1
