-- name: latest_run
SELECT runs.id::text AS run_id, key_hash, market_id, markets.kind AS market_kind, markets.name AS market_name, world,
       account_id, first_session, last_session, config_hash, model_version, started_at, finished_at,
       status::text AS status, reached, summary
FROM runs JOIN markets ON markets.id = market_id
WHERE CASE WHEN %(run)s::text IS NULL THEN world <> 'asked' ELSE starts_with(runs.id::text, %(run)s) END
ORDER BY started_at DESC, runs.id LIMIT 1

-- name: some_runs
SELECT id::text AS run_id FROM runs WHERE world <> 'asked' ORDER BY started_at DESC, id LIMIT 5

-- name: trades
SELECT positions.decision_id, positions.ticker, opened_session, opened_at, closed_at, exit_reason, bought, quantity,
       avg_entry_price, avg_exit_price, fees_usd, realised_usd
FROM positions WHERE run_id = %(run)s ORDER BY opened_at, decision_id

-- name: find_decision
SELECT decisions.id FROM decisions
LEFT JOIN positions ON positions.run_id = decisions.run_id AND positions.decision_id = decisions.id
WHERE decisions.run_id = %(run)s
  AND (decisions.id = %(identity)s OR decisions.ticker = upper(%(identity)s)
       OR EXISTS (SELECT 1 FROM orders WHERE orders.run_id = decisions.run_id AND orders.decision_id = decisions.id
                  AND (orders.client_order_id = %(identity)s OR broker_order_id = %(identity)s)))
ORDER BY positions.decision_id IS NULL, as_of DESC, decisions.id LIMIT 1

-- name: decision
SELECT id, session, slot, as_of, ticker, case_hash, action, score, verdict::text AS verdict, verdict_detail, denied_by,
       checks, client_order_id, body_hash, config_hash, model_version
FROM decisions WHERE run_id = %(run)s AND id = %(decision)s

-- name: case
SELECT body FROM cases WHERE hash = %(case)s

-- name: features
SELECT feature_set_hash, session, as_of, names, values FROM features
WHERE market_id = %(market)s AND ticker = %(ticker)s AND as_of = %(as_of)s ORDER BY feature_set_hash LIMIT 1

-- name: model
SELECT version, trained_until, feature_set_hash, manifest, artefact_sha256, trained_at
FROM models WHERE version = %(version)s

-- name: critiques
SELECT critiques.role, critiques.model, critiques.model_digest, binding, critiques.state, stance, size_fraction,
       reasons, cited, invalid_citations, confidence_pct, critiques.prompt_hash, critiques.latency_ms, detail,
       prompt, reply
FROM critiques
LEFT JOIN model_replies ON model_replies.prompt_hash = critiques.prompt_hash
                       AND model_replies.model_digest = critiques.model_digest
WHERE run_id = %(run)s AND decision_id = %(decision)s
ORDER BY array_position(ARRAY['analyst', 'bull', 'bear', 'risk', 'committee', 'rules'], critiques.role)

-- name: position
SELECT decision_id, ticker, opened_session, opened_at, closed_at, exit_reason, bought, quantity, avg_entry_price,
       avg_exit_price, fees_usd, realised_usd
FROM positions WHERE run_id = %(run)s AND decision_id = %(decision)s

-- name: orders
SELECT client_order_id, orders.decision_id, purpose, parent_client_order_id, broker_order_id, side, orders.quantity,
       order_type, time_in_force, limit_price, stop_price, target_price, status, filled_quantity, filled_avg_price,
       created_at, updated_at, error
FROM orders
LEFT JOIN positions ON positions.run_id = orders.run_id AND positions.decision_id = %(decision)s
WHERE orders.run_id = %(run)s
  AND (orders.decision_id = %(decision)s
       OR (purpose = 'exit' AND orders.ticker = positions.ticker AND created_at >= opened_at
           AND created_at <= coalesce(closed_at, 'infinity')))
ORDER BY created_at, array_position(ARRAY['entry', 'target', 'stop', 'exit'], purpose)

-- name: news
-- One look-up an item, whatever the planner believes of a market that was loaded a moment ago.
SELECT v.news_id AS id, version, source, url, headline, summary, published_at, known_at, precision,
       v.tickers, weight, sentiment
FROM unnest(%(items)s::text[]) AS item
CROSS JOIN LATERAL (
    SELECT * FROM news_versions
    WHERE market_id = %(market)s AND news_id = item AND known_at <= %(as_of)s
    ORDER BY version DESC LIMIT 1
) AS v
JOIN news ON news.market_id = v.market_id AND news.id = v.news_id
ORDER BY v.news_id

-- name: decided
SELECT body_hash FROM decisions WHERE run_id = %(run)s ORDER BY as_of, id

-- name: ordered
SELECT orders.decision_id, purpose, CASE WHEN parent_client_order_id IS NULL THEN client_order_id END AS named, ticker, side,
       trim_scale(quantity) AS size, order_type, trim_scale(limit_price) AS bound, trim_scale(stop_price) AS stop, status
FROM orders WHERE run_id = %(run)s ORDER BY orders.decision_id, purpose, quantity

-- name: filled
SELECT decision_id, purpose, fills.side, trim_scale(fills.quantity) AS size, trim_scale(price) AS paid,
       trim_scale(fees_usd) AS fees, filled_at
FROM fills JOIN orders ON orders.run_id = fills.run_id AND orders.client_order_id = fills.client_order_id
WHERE fills.run_id = %(run)s
ORDER BY filled_at, decision_id, purpose, fills.quantity, price
