-- name: find_run
-- None: the newest finished run; else the newest whose id begins so, whatever became of it.
SELECT runs.id::text AS run_id, world, runs.market_id, first_session, last_session, config_hash, model_version, started_at,
       status::text AS status, markets.kind, markets.name, description, source, price_basis, licence,
       content_hash, index_ticker, models.trained_until,
       coalesce((runs.summary ->> 'dividends_usd')::numeric, 0) AS dividends
FROM runs JOIN markets ON markets.id = runs.market_id JOIN models ON models.version = model_version
WHERE CASE WHEN %(run)s::text IS NULL THEN status = 'finished' AND world <> 'asked' ELSE starts_with(runs.id::text, %(run)s) END
ORDER BY started_at DESC, runs.id LIMIT 1

-- name: some_runs
SELECT id::text AS run_id, status::text AS status, first_session, last_session
FROM runs WHERE world <> 'asked' ORDER BY started_at DESC, id LIMIT 5

-- name: verdicts
-- A proposal is a BUY signal of a name not held that got as far as prices.
SELECT count(*) FILTER (WHERE action = 'buy' AND (verdict IN ('enter', 'veto', 'abstain') OR denied_by IS NOT NULL))
           AS proposals,
       count(*) FILTER (WHERE verdict = 'veto') AS vetoed,
       count(*) FILTER (WHERE verdict = 'abstain') AS abstained,
       count(*) FILTER (WHERE case_hash IS NOT NULL) AS reviewed,
       count(*) AS decisions
FROM decisions WHERE run_id = %(run)s

-- name: veto_reasons
SELECT reason AS name, count(*) AS number
FROM decisions, jsonb_array_elements_text(verdict_detail -> 'reasons') AS reason
WHERE run_id = %(run)s AND verdict = 'veto' GROUP BY reason ORDER BY number DESC, reason

-- name: denials
SELECT denied_by AS name, count(*) AS number
FROM decisions WHERE run_id = %(run)s AND denied_by IS NOT NULL GROUP BY denied_by ORDER BY number DESC, denied_by

-- name: orders
SELECT purpose || ' ' || status AS name, count(*) AS number
FROM orders WHERE run_id = %(run)s
GROUP BY purpose, status ORDER BY array_position(ARRAY['entry', 'target', 'stop', 'exit'], purpose), status

-- name: fills
SELECT count(*) AS number, coalesce(sum(fees_usd), 0) AS fees FROM fills WHERE run_id = %(run)s

-- name: equity
SELECT at, session, equity_usd AS equity, cash_usd AS cash, peak_usd AS peak, day_start_usd AS day_start, positions,
       (SELECT coalesce(sum((held ->> 'quantity')::numeric * (held ->> 'price')::numeric), 0)
        FROM jsonb_each(holdings) AS item (ticker, held)) AS invested
FROM equity WHERE run_id = %(run)s ORDER BY at

-- name: states
SELECT state, reason, changed_by, changed_at FROM trading_state WHERE run_id = %(run)s ORDER BY sequence

-- name: drawdown_limits
SELECT DISTINCT item ->> 'limit' AS drawdown_limit
FROM decisions, jsonb_array_elements(checks) AS item
WHERE run_id = %(run)s AND item ->> 'rule' = 'drawdown'

-- name: trades
SELECT positions.decision_id, positions.ticker, opened_session, opened_at, closed_at, exit_reason, bought, quantity,
       avg_entry_price, avg_exit_price, fees_usd, realised_usd,
       CASE WHEN quantity > 0 THEN quantity * ((last.holdings -> positions.ticker ->> 'price')::numeric
                                               - avg_entry_price) END AS unrealised_usd
FROM positions
CROSS JOIN (SELECT holdings FROM equity WHERE run_id = %(run)s ORDER BY at DESC LIMIT 1) AS last
WHERE positions.run_id = %(run)s ORDER BY opened_at, positions.decision_id

-- name: prices
SELECT session, ticker, open, close FROM bars
WHERE market_id = %(market)s AND session BETWEEN %(first)s AND %(last)s
  AND (ticker = %(index)s OR ticker IN (
      SELECT ticker FROM universe
      WHERE market_id = %(market)s AND member_from <= %(first)s AND (member_to IS NULL OR member_to > %(first)s)))
ORDER BY session, ticker

-- name: critics
SELECT critiques.role, critiques.model, binding, critiques.state, stance, count(*) AS number,
       count(DISTINCT positions.decision_id) AS traded,
       coalesce(sum(positions.realised_usd), 0) AS realised
FROM critiques
LEFT JOIN positions ON positions.run_id = critiques.run_id AND positions.decision_id = critiques.decision_id
WHERE critiques.run_id = %(run)s
GROUP BY critiques.role, critiques.model, binding, critiques.state, stance
ORDER BY array_position(ARRAY['analyst', 'bull', 'bear', 'risk', 'committee', 'rules'], critiques.role),
         critiques.model, critiques.state, stance

-- name: model_seconds
-- Model time of each case of which every reply was made during this run, none played from the tape.
SELECT sum(model_replies.latency_ms) / 1000.0 AS seconds
FROM critiques
JOIN runs ON runs.id = critiques.run_id
JOIN model_replies ON model_replies.prompt_hash = critiques.prompt_hash
                  AND model_replies.model_digest = critiques.model_digest
WHERE critiques.run_id = %(run)s AND critiques.role <> 'rules'
GROUP BY critiques.decision_id
HAVING bool_and(model_replies.recorded_at >= runs.started_at) ORDER BY seconds

-- name: examinations
-- The newest of each model that was asked.
SELECT DISTINCT ON (model_digest) examinations.model, passed, result, examined_at
FROM examinations
WHERE model_digest IN (SELECT model_digest FROM critiques WHERE run_id = %(run)s AND role <> 'rules')
  AND examined_at <= (SELECT coalesce(finished_at, 'infinity') FROM runs WHERE id = %(run)s)
ORDER BY model_digest, examined_at DESC

-- name: shadows
SELECT cause, exit_reason AS ended, count(*) AS number, count(DISTINCT ticker) AS tickers,
       coalesce(sum(pnl_usd), 0) AS pnl
FROM shadow_positions WHERE run_id = %(run)s GROUP BY cause, exit_reason ORDER BY cause, exit_reason

-- name: demotions
SELECT standing, reason, changed_at FROM committee_standings WHERE run_id = %(run)s ORDER BY sequence
