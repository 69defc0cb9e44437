-- name: critiques
-- A name that is not asked for (NULL) leaves nothing out; planned anew for each question, so that indexes serve it.
SELECT critiques.run_id::text AS run_id, critiques.decision_id, session, slot, as_of, ticker, role, model,
       coalesce(template_hash, '') AS template_hash, binding, state, stance, size_fraction, reasons, cited,
       confidence_pct, latency_ms, verdict::text AS verdict, world = 'asked' AS asked, detail
FROM critiques JOIN decisions ON decisions.run_id = critiques.run_id AND decisions.id = critiques.decision_id
JOIN runs ON runs.id = critiques.run_id
WHERE (%(ticker)s::text IS NULL OR ticker = %(ticker)s)
  AND (%(role)s::text IS NULL OR role = %(role)s)
  AND (%(stance)s::text IS NULL OR stance = %(stance)s)
  AND (%(verdict)s::text IS NULL OR verdict = %(verdict)s::verdict_kind)
  AND (%(run)s::text IS NULL OR starts_with(critiques.run_id::text, %(run)s))
  AND (%(first)s::date IS NULL OR session >= %(first)s)
  AND (%(last)s::date IS NULL OR session <= %(last)s)
  AND (%(asked)s::boolean IS NULL OR (world = 'asked') = %(asked)s)
ORDER BY as_of DESC, ticker, array_position(ARRAY['analyst', 'bull', 'bear', 'risk', 'committee', 'rules'], role)
LIMIT %(limit)s

-- name: count_critiques
SELECT count(*)
FROM critiques JOIN decisions ON decisions.run_id = critiques.run_id AND decisions.id = critiques.decision_id
JOIN runs ON runs.id = critiques.run_id
WHERE (%(ticker)s::text IS NULL OR ticker = %(ticker)s)
  AND (%(role)s::text IS NULL OR role = %(role)s)
  AND (%(stance)s::text IS NULL OR stance = %(stance)s)
  AND (%(verdict)s::text IS NULL OR verdict = %(verdict)s::verdict_kind)
  AND (%(run)s::text IS NULL OR starts_with(critiques.run_id::text, %(run)s))
  AND (%(first)s::date IS NULL OR session >= %(first)s)
  AND (%(last)s::date IS NULL OR session <= %(last)s)
  AND (%(asked)s::boolean IS NULL OR (world = 'asked') = %(asked)s)
