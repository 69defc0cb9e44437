-- name: stage
CREATE TEMPORARY TABLE incoming_intraday (LIKE intraday_bars) ON COMMIT DROP

-- name: upsert
INSERT INTO intraday_bars SELECT * FROM incoming_intraday
ON CONFLICT (market_id, minutes, ticker, begins_at) DO UPDATE SET
    open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close, volume = excluded.volume,
    fetch_id = excluded.fetch_id
WHERE (intraday_bars.open, intraday_bars.high, intraday_bars.low, intraday_bars.close, intraday_bars.volume)
   IS DISTINCT FROM (excluded.open, excluded.high, excluded.low, excluded.close, excluded.volume)

-- name: read
SELECT place::int4, begins_at, open, high, low, close, volume
FROM intraday_bars JOIN unnest(%s::text[]) WITH ORDINALITY AS columns (ticker, place) USING (ticker)
WHERE market_id = %s AND minutes = %s AND begins_at >= %s AND begins_at < %s
