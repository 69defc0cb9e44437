-- name: insert_model
INSERT INTO models (version, market_id, trained_until, feature_set_hash, manifest, artefact, artefact_sha256, trained_at)
VALUES (%(version)s, %(market_id)s, %(trained_until)s, %(feature_set_hash)s, %(manifest)s, %(artefact)s,
        %(artefact_sha256)s, %(trained_at)s)
ON CONFLICT (version) DO NOTHING

-- name: select_model
SELECT manifest::text, artefact, artefact_sha256 FROM models WHERE version = %(version)s

-- name: version_of_key
SELECT version FROM models WHERE market_id = %(market_id)s AND manifest ->> 'training_key' = %(training_key)s

-- name: list_models
SELECT models.version, models.market_id, trained_until, trained_at, manifest::text, role.role
FROM models
LEFT JOIN LATERAL (
    SELECT role FROM model_roles WHERE model_roles.version = models.version ORDER BY sequence DESC LIMIT 1
) AS role ON true
WHERE %(market_id)s::text IS NULL OR models.market_id = %(market_id)s
ORDER BY trained_at, models.version

-- name: insert_evaluation
INSERT INTO model_evaluations (version, body, evaluated_at) VALUES (%(version)s, %(body)s, %(at)s)

-- name: newest_evaluation
SELECT body, evaluated_at FROM model_evaluations WHERE version = %(version)s ORDER BY sequence DESC LIMIT 1

-- name: serialise_roles
SELECT pg_advisory_xact_lock(7305004)

-- name: insert_role
INSERT INTO model_roles (market_id, version, role, reason, checks, restored, changed_by, changed_at)
VALUES (%(market_id)s, %(version)s, %(role)s, %(reason)s, %(checks)s, %(restored)s, %(changed_by)s, %(changed_at)s)

-- name: roles
SELECT DISTINCT ON (version) version, role
FROM model_roles WHERE market_id = %(market_id)s ORDER BY version, sequence DESC

-- name: markets_with_champion
SELECT DISTINCT market_id FROM model_roles WHERE role = 'champion' ORDER BY market_id

-- name: role_events
SELECT version, role, reason, checks, restored, changed_by, changed_at
FROM model_roles WHERE market_id = %(market_id)s ORDER BY sequence

-- name: widen_ground
INSERT INTO grounds (market_id, ticker, first_session, last_session)
VALUES (%(market_id)s, %(ticker)s, %(first)s, %(last)s)
ON CONFLICT (market_id, ticker) DO UPDATE SET
    first_session = least(grounds.first_session, excluded.first_session),
    last_session = CASE WHEN grounds.last_session = 'infinity' THEN excluded.last_session
                        ELSE greatest(grounds.last_session, excluded.last_session) END

-- name: same_history
SELECT other.id
FROM markets AS mine
JOIN markets AS other ON (mine.kind = 'practice') = (other.kind = 'practice')
CROSS JOIN LATERAL (
    SELECT count(*) AS names FROM grounds AS a JOIN grounds AS b USING (ticker)
    WHERE mine.kind <> 'practice' AND a.market_id = mine.id AND b.market_id = other.id
      AND a.first_session <= b.last_session AND b.first_session <= a.last_session
) AS shared
CROSS JOIN LATERAL (
    SELECT min(names) AS names
    FROM (
        SELECT count(*) AS names FROM grounds
        WHERE mine.kind <> 'practice' AND market_id IN (mine.id, other.id)
        GROUP BY market_id
    ) AS sizes
) AS smaller
WHERE mine.id = %(market_id)s AND (
    other.id = mine.id
    OR (mine.kind = 'practice' AND other.name = mine.name)
    OR (shared.names > 0 AND 2 * shared.names >= smaller.names)
)
ORDER BY other.id

-- name: insert_trial
INSERT INTO trials (market_id, key, kind, tried_at) VALUES (%(market_id)s, %(key)s, %(kind)s, %(at)s)
ON CONFLICT DO NOTHING

-- name: insert_sharpe
INSERT INTO trial_sharpes (market_id, key, sharpe) VALUES (%(market_id)s, %(key)s, %(sharpe)s)
ON CONFLICT DO NOTHING

-- name: count_trials
SELECT count(*), count(sharpe), var_samp(sharpe)
FROM (
    SELECT DISTINCT ON (key) key, sharpe
    FROM trials LEFT JOIN trial_sharpes USING (market_id, key)
    WHERE market_id = ANY(%(markets)s)
    ORDER BY key, sharpe IS NULL, tried_at
) AS tried

-- name: insert_look
INSERT INTO looks (market_id, first_session, last_session, key, looked_at)
VALUES (%(market_id)s, %(first)s, %(last)s, %(key)s, %(at)s)

-- name: looks
SELECT first_session, last_session, key, looked_at FROM looks
WHERE market_id = ANY(%(markets)s)
  AND (%(first)s::date IS NULL OR (first_session <= %(last)s AND last_session >= %(first)s))
ORDER BY sequence
