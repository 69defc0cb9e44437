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

-- name: look_back
-- A person may re-arm while a step is under way, whose point bears the time of the step: then the last point counts.
SELECT coalesce(
           (SELECT CASE WHEN EXISTS (SELECT FROM equity AS earlier WHERE earlier.run_id = point.run_id
                                     AND earlier.session >= %(monday)s AND earlier.at < point.at)
                        THEN equity_usd ELSE day_start_usd END
            FROM equity AS point
            WHERE run_id = %(run)s AND session >= %(monday)s AND at >= (
                SELECT max(changed_at) FROM trading_state WHERE run_id = %(run)s AND state = 'active')
            ORDER BY at LIMIT 1),
           (SELECT equity_usd FROM equity WHERE run_id = %(run)s ORDER BY at DESC LIMIT 1)),
       (SELECT coalesce(sum(quantity * limit_price), 0)
        FROM orders JOIN decisions ON decisions.run_id = orders.run_id AND decisions.id = decision_id
        WHERE orders.run_id = %(run)s AND purpose = 'entry' AND session = %(session)s
          AND NOT (status = 'rejected' AND broker_order_id IS NULL))

-- name: last_stops
SELECT ticker, max(closed_at) FROM positions WHERE run_id = %s AND exit_reason = 'stop' GROUP BY ticker

-- name: is_below_peak
SELECT equity_usd < peak_usd FROM equity WHERE run_id = %s ORDER BY at DESC LIMIT 1
