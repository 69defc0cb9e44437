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

-- name: forget_universe
DELETE FROM universe WHERE market_id = %s

-- name: save_listing
INSERT INTO universe (market_id, ticker, name, issuer, sector, aliases, member_from, member_to)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)

-- name: last_session
SELECT max(session) FROM bars WHERE market_id = %s

-- name: sessions
SELECT DISTINCT session FROM bars WHERE market_id = %s

-- name: analyse
ANALYZE bars

-- name: append
INSERT INTO bars (market_id, session, ticker, open, high, low, close, volume, known_at)
SELECT %s, * FROM unnest(%s::date[], %s::text[], %s::float8[], %s::float8[], %s::float8[], %s::float8[], %s::float8[],
                         %s::timestamptz[])
ON CONFLICT DO NOTHING

-- name: snapshot
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY

-- name: tickers
SELECT DISTINCT ticker FROM bars WHERE market_id = %s AND session <= %s

-- name: read
SELECT session, place::int4, open, high, low, close, volume, known_at
FROM bars JOIN unnest(%s::text[]) WITH ORDINALITY AS columns (ticker, place) USING (ticker)
WHERE market_id = %s AND session <= %s
