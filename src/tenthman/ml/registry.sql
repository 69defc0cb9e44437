-- name: insert_model
INSERT INTO models (version, market_id, trained_until, feature_set_hash, manifest, artefact, artefact_sha256, trained_at)
VALUES (%(version)s, %(market_id)s, %(trained_until)s, %(feature_set_hash)s, %(manifest)s, %(artefact)s,
        %(artefact_sha256)s, %(trained_at)s)
ON CONFLICT (version) DO NOTHING;

-- name: select_sha256
SELECT artefact_sha256 FROM models WHERE version = %(version)s;

-- name: select_model
SELECT version, feature_set_hash, manifest, artefact, artefact_sha256
FROM models
WHERE version = %(version)s;

-- name: select_model_of_key
SELECT version, feature_set_hash, manifest, artefact, artefact_sha256
FROM models
WHERE market_id = %(market_id)s AND manifest ->> 'training_key' = %(training_key)s;
