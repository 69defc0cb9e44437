-- name: standings
SELECT model, model_digest, template_hash, standing, reason, evidence, changed_by, changed_at
FROM committee_standings JOIN runs AS own ON own.id = %(run)s::uuid
JOIN runs ON runs.id = committee_standings.run_id AND (runs.id = own.id OR (
    own.world IN ('paper', 'live') AND runs.world = own.world AND runs.account_id = own.account_id))
ORDER BY sequence
