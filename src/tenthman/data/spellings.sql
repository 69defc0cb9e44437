-- name: load
SELECT old, new, since FROM spellings WHERE market_id = %s ORDER BY since, old

-- name: learn
INSERT INTO spellings (market_id, old, new, since, source, learned_at)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (market_id, new) DO UPDATE
SET since = EXCLUDED.since, source = EXCLUDED.source, learned_at = EXCLUDED.learned_at
WHERE spellings.old = EXCLUDED.old

-- name: lock_market
SELECT pg_advisory_xact_lock(hashtextextended('spellings of ' || %s, 0))

-- name: give_over
DELETE FROM spellings WHERE market_id = %s AND old = %s AND new = %s

-- name: held
SELECT name, min(session), max(session)
FROM unnest(%s::text[]) AS asked (name) JOIN bars ON market_id = %s AND ticker = name
GROUP BY name
