-- name: lock_market
SELECT pg_advisory_xact_lock(hashtextextended('bars of ' || %s, 0))

-- name: save_market
INSERT INTO markets (id, kind, name, description, source, price_basis, licence, content_hash, index_ticker)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (id) DO UPDATE SET
    name = excluded.name, description = excluded.description, source = excluded.source,
    price_basis = excluded.price_basis, licence = excluded.licence, content_hash = excluded.content_hash
WHERE markets.kind = excluded.kind AND markets.index_ticker = excluded.index_ticker
  AND (markets.kind = 'live' OR markets.content_hash = excluded.content_hash)

-- name: sources
SELECT DISTINCT source FROM bar_fetches WHERE market_id = %s

-- name: forget_universe
DELETE FROM universe WHERE market_id = %s

-- name: save_listing
INSERT INTO universe (market_id, ticker, name, issuer, sector, aliases, member_from, member_to)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)

-- name: rename_flags
UPDATE bar_flags AS flag SET ticker = %(new)s
WHERE market_id = %(market_id)s AND ticker = %(old)s AND session < %(on)s AND NOT EXISTS (
    SELECT FROM bars AS there
    WHERE there.market_id = %(market_id)s AND there.ticker = %(new)s AND there.session < %(on)s
) AND NOT EXISTS (
    SELECT FROM bar_flags AS there
    WHERE (there.market_id, there.ticker, there.session, there.rule)
        = (%(market_id)s, %(new)s, flag.session, flag.rule)
)

-- name: rename_revisions
UPDATE bar_revisions SET ticker = %(new)s
WHERE market_id = %(market_id)s AND ticker = %(old)s AND session < %(on)s AND NOT EXISTS (
    SELECT FROM bars AS there
    WHERE there.market_id = %(market_id)s AND there.ticker = %(new)s AND there.session < %(on)s
)

-- name: rename_bars
UPDATE bars SET ticker = %(new)s
WHERE market_id = %(market_id)s AND ticker = %(old)s AND session < %(on)s AND NOT EXISTS (
    SELECT FROM bars AS there
    WHERE there.market_id = %(market_id)s AND there.ticker = %(new)s AND there.session < %(on)s
)

-- name: rename_intraday_bars
UPDATE intraday_bars SET ticker = %(new)s
WHERE market_id = %(market_id)s AND ticker = %(old)s
  AND (begins_at AT TIME ZONE 'America/New_York')::date < %(on)s AND NOT EXISTS (
    SELECT FROM intraday_bars AS there
    WHERE there.market_id = %(market_id)s AND there.ticker = %(new)s
      AND (there.begins_at AT TIME ZONE 'America/New_York')::date < %(on)s
)

-- name: rename_actions
UPDATE corporate_actions SET ticker = %(new)s
WHERE market_id = %(market_id)s AND ticker = %(old)s AND ex_date < %(on)s AND NOT EXISTS (
    SELECT FROM corporate_actions AS there
    WHERE there.market_id = %(market_id)s AND there.ticker = %(new)s AND there.ex_date < %(on)s
)

-- name: last_session
SELECT max(session) FROM bars WHERE market_id = %s

-- name: sessions
SELECT DISTINCT session FROM bars WHERE market_id = %s

-- name: small_sample
SET LOCAL default_statistics_target = 3

-- name: analyse
ANALYZE bar_rows (market_id, ticker, session, fetch_id)

-- name: begin_fetch
INSERT INTO bar_fetches (market_id, source, price_basis, fetched_at)
SELECT id, coalesce(%(source)s, source), coalesce(%(price_basis)s, price_basis), coalesce(%(fetched_at)s, now())
FROM markets WHERE id = %(market_id)s
RETURNING id

-- name: append
INSERT INTO bars (market_id, session, ticker, open, high, low, close, volume, known_at, fetch_id)
SELECT %s, *, %s FROM unnest(%s::date[], %s::text[], %s::float8[], %s::float8[], %s::float8[], %s::float8[],
                             %s::float8[], %s::timestamptz[])
ON CONFLICT DO NOTHING

-- name: stage
CREATE TEMPORARY TABLE incoming (LIKE bars) ON COMMIT DROP

-- name: incoming_is_known
ANALYZE incoming

-- name: revise
WITH changed AS (
    SELECT incoming.*, bars.open AS old_open, bars.high AS old_high, bars.low AS old_low, bars.close AS old_close,
           bars.volume AS old_volume, bars.known_at AS old_known_at, bars.fetch_id AS old_fetch_id
    FROM incoming
    JOIN bars USING (market_id, ticker, session)
    JOIN bar_fetches ON bar_fetches.id = bars.fetch_id
    WHERE bar_fetches.source = %(source)s
      AND (abs(incoming.open / bars.open - 1) > %(tolerance)s OR abs(incoming.high / bars.high - 1) > %(tolerance)s
        OR abs(incoming.low / bars.low - 1) > %(tolerance)s OR abs(incoming.close / bars.close - 1) > %(tolerance)s
        OR abs(incoming.volume - bars.volume) > %(tolerance)s * greatest(incoming.volume, bars.volume))
), kept AS (
    INSERT INTO bar_revisions
        (market_id, ticker, session, open, high, low, close, volume, known_at, fetch_id, replaced_by)
    SELECT market_id, ticker, session, old_open, old_high, old_low, old_close, old_volume, old_known_at, old_fetch_id,
           fetch_id
    FROM changed
)
UPDATE bars SET open = changed.open, high = changed.high, low = changed.low, close = changed.close,
                volume = changed.volume, known_at = changed.known_at, fetch_id = changed.fetch_id
FROM changed
WHERE bars.market_id = changed.market_id AND bars.ticker = changed.ticker AND bars.session = changed.session

-- name: count_others
SELECT count(*) FROM incoming
JOIN bars USING (market_id, ticker, session)
JOIN bar_fetches ON bar_fetches.id = bars.fetch_id
WHERE bar_fetches.source <> %s

-- name: add_new
INSERT INTO bars SELECT * FROM incoming ON CONFLICT DO NOTHING

-- name: snapshot
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY

-- name: tickers
WITH RECURSIVE stored AS (
    (SELECT ticker FROM bars WHERE market_id = %(market_id)s ORDER BY ticker LIMIT 1)
    UNION ALL
    SELECT (SELECT ticker FROM bars WHERE market_id = %(market_id)s AND ticker > stored.ticker ORDER BY ticker LIMIT 1)
    FROM stored WHERE ticker IS NOT NULL
)
SELECT ticker FROM stored
WHERE EXISTS (SELECT FROM bars WHERE market_id = %(market_id)s AND ticker = stored.ticker AND session <= %(until)s)

-- name: read
SELECT session, place::int4, open, high, low, close, volume, known_at
FROM bars JOIN unnest(%s::text[]) WITH ORDINALITY AS columns (ticker, place) USING (ticker)
WHERE market_id = %s AND session <= %s

-- name: read_ticker
SELECT session, open, high, low, close, volume, known_at
FROM bars WHERE market_id = %s AND ticker = %s AND session BETWEEN %s AND %s
ORDER BY session

-- name: of_source
SELECT ticker, session, open, high, low, close
FROM bars JOIN bar_fetches ON bar_fetches.id = fetch_id
WHERE bars.market_id = %s AND ticker = ANY (%s) AND session BETWEEN %s AND %s AND bar_fetches.source = %s

-- name: spans
SELECT ticker, min(session), max(session) FROM bars WHERE market_id = %s AND ticker = ANY (%s) GROUP BY ticker

-- name: stored
SELECT session, open, high, low, close, volume, known_at, source, price_basis, fetched_at,
       (SELECT count(*) FROM bar_revisions AS before
        WHERE (before.market_id, before.ticker, before.session) = (bars.market_id, bars.ticker, bars.session))
FROM bars JOIN bar_fetches ON bar_fetches.id = fetch_id
WHERE bars.market_id = %s AND ticker = %s AND session BETWEEN %s AND %s
ORDER BY session
