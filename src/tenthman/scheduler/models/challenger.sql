-- name: insert_score
INSERT INTO shadow_signals (run_id, as_of, session, version, ticker, score) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT DO NOTHING

-- name: scores
SELECT DISTINCT ON (version, session, ticker) version, session, ticker, score
FROM shadow_signals WHERE run_id = %(run)s
ORDER BY version, session, ticker, as_of DESC

-- name: newest_run_of_both
SELECT run_id::text FROM shadow_signals WHERE version = ANY (%(versions)s)
GROUP BY run_id HAVING count(DISTINCT version) = 2
ORDER BY max(as_of) DESC LIMIT 1
