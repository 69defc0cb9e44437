-- name: scored_runs
-- One run by the beginning of its id, the newest that made a decision (neither given), or all of them.
SELECT runs.id::text AS run_id, runs.market_id, first_session, last_session, status::text AS status, world, started_at,
       config_hash
FROM runs
WHERE EXISTS (SELECT FROM decisions WHERE run_id = runs.id AND case_hash IS NOT NULL) AND world <> 'asked'
  AND (%(run)s::text IS NULL OR starts_with(runs.id::text, %(run)s))
ORDER BY started_at DESC, runs.id
LIMIT CASE WHEN %(all)s THEN NULL ELSE 1 END

-- name: entries
-- The whole of every entry that was put to critics: what was sent and what was taken away, under one set of prices.
SELECT decisions.run_id::text AS run_id, decisions.id AS decision_id, decisions.as_of, decisions.ticker,
       decisions.session, coalesce(orders.quantity, 0) + coalesce(shadow.quantity, 0) AS quantity,
       coalesce(orders.limit_price, shadow.limit_price) AS limit_price,
       coalesce(orders.stop_price, shadow.stop_price) AS stop_price,
       coalesce(orders.target_price, shadow.target_price) AS target_price,
       (cases.body -> 'signal' ->> 'horizon_sessions')::integer AS horizon_sessions,
       equity.equity_usd
FROM decisions
JOIN cases ON cases.hash = decisions.case_hash
LEFT JOIN orders ON orders.run_id = decisions.run_id AND orders.client_order_id = decisions.client_order_id
LEFT JOIN shadow_positions AS shadow ON shadow.run_id = decisions.run_id AND shadow.decision_id = decisions.id
LEFT JOIN equity ON equity.run_id = decisions.run_id AND equity.at = decisions.as_of
WHERE decisions.run_id = %(run)s::uuid AND (orders.quantity IS NOT NULL OR shadow.quantity IS NOT NULL)
ORDER BY decisions.as_of, decisions.id

-- name: opinions
SELECT critiques.decision_id, critiques.role, critiques.model, coalesce(critiques.model_digest, '') AS model_digest,
       coalesce(critiques.template_hash, model_replies.prompt ->> 'template_hash', '') AS template_hash,
       binding, critiques.state, stance, size_fraction, confidence_pct, critiques.latency_ms,
       coalesce(prompt_tokens, 0) AS prompt_tokens, coalesce(reply_tokens, 0) AS reply_tokens
FROM critiques
LEFT JOIN model_replies ON model_replies.prompt_hash = critiques.prompt_hash
                       AND model_replies.model_digest = critiques.model_digest
WHERE critiques.run_id = %(run)s::uuid
