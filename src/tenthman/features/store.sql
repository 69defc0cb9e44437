-- name: insert_row
INSERT INTO features (market_id, feature_set_hash, ticker, session, as_of, names, values)
VALUES (%(market_id)s, %(feature_set_hash)s, %(ticker)s, %(session)s, %(as_of)s, %(names)s, %(values)s)
ON CONFLICT DO NOTHING;

-- name: select_rows
SELECT ticker, session, as_of, names, values
FROM features
WHERE market_id = %(market_id)s AND feature_set_hash = %(feature_set_hash)s AND as_of = %(as_of)s
ORDER BY ticker;
