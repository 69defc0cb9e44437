-- name: add_set
INSERT INTO feature_sets (market_id, feature_set_hash, names, definitions) VALUES (%s, %s, %s, %s)
ON CONFLICT DO NOTHING;

-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('features of ' || %s, 0));

-- name: sets
SELECT s.feature_set_hash, s.names, s.definitions, count(v.session), min(v.session), max(v.session)
FROM feature_sets s LEFT JOIN feature_values v USING (market_id, feature_set_hash)
WHERE s.market_id = %s
GROUP BY s.feature_set_hash, s.names, s.definitions
ORDER BY max(v.session) DESC NULLS LAST, s.feature_set_hash;

-- name: digests
SELECT session, sha256(string_agg(convert_to(ticker, 'UTF8') || array_send(values), ''::bytea ORDER BY ticker COLLATE "C"))
FROM feature_values
WHERE market_id = %s AND feature_set_hash = %s AND session BETWEEN %s AND %s
GROUP BY session;

-- name: session
SELECT ticker, values FROM feature_values WHERE market_id = %s AND feature_set_hash = %s AND session = %s;

-- name: range
SELECT session, values FROM feature_values
WHERE market_id = %s AND feature_set_hash = %s AND ticker = %s AND session BETWEEN %s AND %s
ORDER BY session;

-- name: random
SELECT ticker, session, values FROM feature_values
WHERE market_id = %s AND feature_set_hash = %s
ORDER BY md5(ticker || session::text || %s), ticker, session
LIMIT %s;

-- name: computed
CREATE TEMPORARY TABLE computed (
    ticker  text NOT NULL,
    session date NOT NULL,
    values  double precision[] NOT NULL
) ON COMMIT DROP;

-- name: remove_gone
DELETE FROM feature_values v
WHERE market_id = %s AND feature_set_hash = %s AND session BETWEEN %s AND %s
  AND NOT EXISTS (SELECT FROM computed c WHERE c.ticker = v.ticker AND c.session = v.session);

-- name: replace_changed
UPDATE feature_values v SET values = c.values FROM computed c
WHERE v.market_id = %s AND v.feature_set_hash = %s AND v.ticker = c.ticker AND v.session = c.session
  AND v.values IS DISTINCT FROM c.values;

-- name: add_new
INSERT INTO feature_values (market_id, feature_set_hash, ticker, session, values)
SELECT %s, %s, ticker, session, values FROM computed
ON CONFLICT DO NOTHING;

-- name: forget_values
DELETE FROM feature_values WHERE market_id = %s AND feature_set_hash = %s;

-- name: forget_set
DELETE FROM feature_sets WHERE market_id = %s AND feature_set_hash = %s;

-- name: analyse
ANALYZE feature_sets, feature_values;
