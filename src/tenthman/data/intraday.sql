-- name: stage
CREATE TEMPORARY TABLE incoming_intraday (LIKE intraday_bars) ON COMMIT DROP

-- name: count_others
SELECT count(*) FROM incoming_intraday
JOIN intraday_bars USING (market_id, minutes, ticker, begins_at)
JOIN bar_fetches ON bar_fetches.id = intraday_bars.fetch_id
WHERE bar_fetches.source <> %s

-- name: revise
UPDATE intraday_bars SET
    open = incoming.open, high = incoming.high, low = incoming.low, close = incoming.close, volume = incoming.volume,
    fetch_id = incoming.fetch_id
FROM incoming_intraday AS incoming, bar_fetches
WHERE intraday_bars.market_id = incoming.market_id AND intraday_bars.minutes = incoming.minutes
  AND intraday_bars.ticker = incoming.ticker AND intraday_bars.begins_at = incoming.begins_at
  AND bar_fetches.id = intraday_bars.fetch_id AND bar_fetches.source = %s
  AND (intraday_bars.open, intraday_bars.high, intraday_bars.low, intraday_bars.close, intraday_bars.volume)
   IS DISTINCT FROM (incoming.open, incoming.high, incoming.low, incoming.close, incoming.volume)

-- name: add_new
INSERT INTO intraday_bars SELECT * FROM incoming_intraday ON CONFLICT DO NOTHING

-- name: read
SELECT place::int4, begins_at, open, high, low, close, volume
FROM intraday_bars JOIN unnest(%s::text[]) WITH ORDINALITY AS columns (ticker, place) USING (ticker)
WHERE market_id = %s AND minutes = %s AND begins_at >= %s AND begins_at < %s
