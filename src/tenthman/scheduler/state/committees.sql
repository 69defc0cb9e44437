-- name: open_shadows
SELECT decision_id, as_of, shadow_positions.ticker, cause, quantity, limit_price, stop_price, target_price,
       horizon_sessions, opened_session
FROM shadow_positions
JOIN decisions ON decisions.run_id = shadow_positions.run_id AND decisions.id = decision_id
WHERE shadow_positions.run_id = %s AND exit_reason IS NULL ORDER BY opened_session, decision_id

-- name: end_shadow
UPDATE shadow_positions SET entry_price = %s, exit_price = %s, exit_session = %s, exit_reason = %s, pnl_usd = %s,
       fees_usd = %s, dividends_usd = %s
WHERE run_id = %s AND decision_id = %s AND exit_reason IS NULL

-- name: committee_evidence
-- Of this run, or of all runs of its account where it trades one.
SELECT critiques.model, critiques.model_digest, critiques.template_hash, decisions.session, size_fraction,
       shadow.decision_id, as_of, shadow.ticker, cause, quantity, limit_price, stop_price, target_price,
       horizon_sessions, opened_session, entry_price, exit_price, exit_session, exit_reason,
       coalesce(fees_usd, 0), coalesce(dividends_usd, 0)
FROM shadow_positions AS shadow
JOIN decisions ON decisions.run_id = shadow.run_id AND decisions.id = shadow.decision_id
JOIN critiques ON critiques.run_id = shadow.run_id AND critiques.decision_id = shadow.decision_id
JOIN runs AS own ON own.id = %s
JOIN runs ON runs.id = shadow.run_id AND (runs.id = own.id OR (
    own.world IN ('paper', 'live') AND runs.world = own.world AND runs.account_id = own.account_id))
WHERE role = 'committee' AND binding AND stance IN ('veto', 'shrink') AND entry_price IS NOT NULL
  AND exit_reason IS NOT NULL AND critiques.model_digest IS NOT NULL AND critiques.template_hash IS NOT NULL
  AND as_of > coalesce((
      SELECT max(changed_at) FROM committee_standings AS standing JOIN runs AS earlier ON earlier.id = standing.run_id
      WHERE standing.model_digest = critiques.model_digest AND standing.template_hash = critiques.template_hash
        AND standing.standing = 'reinstated' AND (earlier.id = own.id OR (
            own.world IN ('paper', 'live') AND earlier.world = own.world AND earlier.account_id = own.account_id))
      ), '-infinity')

-- name: committee_standings
SELECT DISTINCT ON (model_digest, template_hash) model, model_digest, template_hash, standing
FROM committee_standings JOIN runs AS own ON own.id = %s
JOIN runs ON runs.id = committee_standings.run_id AND (runs.id = own.id OR (
    own.world IN ('paper', 'live') AND runs.world = own.world AND runs.account_id = own.account_id))
ORDER BY model_digest, template_hash, sequence DESC

-- name: insert_committee_standing
INSERT INTO committee_standings (run_id, model, model_digest, template_hash, standing, reason, evidence, changed_by,
                                 changed_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)

-- name: insert_sell_signals
INSERT INTO sell_signals (run_id, as_of, tickers) VALUES (%s, %s, %s) ON CONFLICT (run_id, as_of) DO NOTHING

-- name: sell_signals
SELECT as_of, tickers FROM sell_signals WHERE run_id = %s ORDER BY as_of

-- name: latched
SELECT changed_at, state FROM trading_state WHERE run_id = %s AND state <> 'active' ORDER BY changed_at, sequence
