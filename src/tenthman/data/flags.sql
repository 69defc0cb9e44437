-- name: clear
UPDATE bar_flags SET cleared_at = greatest(%(at)s, flagged_at)
WHERE market_id = %(market)s AND ticker = ANY (%(tickers)s) AND session BETWEEN %(first)s AND %(last)s
  AND rule = ANY (%(rules)s) AND cleared_at IS NULL
  AND (ticker, session, rule) NOT IN (SELECT * FROM unnest(%(still_tickers)s::text[], %(still_sessions)s::date[],
                                                           %(still_rules)s::text[]))

-- name: raise
INSERT INTO bar_flags (market_id, ticker, session, rule, detail, flagged_at)
SELECT %(market)s, ticker, session, rule, detail, %(at)s
FROM unnest(%(still_tickers)s::text[], %(still_sessions)s::date[], %(still_rules)s::text[], %(details)s::text[])
     AS raised (ticker, session, rule, detail)
ON CONFLICT (market_id, ticker, session, rule) DO UPDATE SET
    detail = excluded.detail, flagged_at = excluded.flagged_at, cleared_at = NULL
WHERE bar_flags.cleared_at IS NOT NULL
RETURNING ticker, session, rule, detail

-- name: standing
SELECT ticker, session, rule, detail FROM bar_flags
WHERE market_id = %s AND session BETWEEN %s AND %s AND cleared_at IS NULL
ORDER BY ticker, session, rule

-- name: save_action
INSERT INTO corporate_actions (market_id, ticker, ex_date, kind, value, source, fetched_at)
VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (market_id, ticker, ex_date, kind, source) DO UPDATE SET
    value = excluded.value, fetched_at = excluded.fetched_at
WHERE corporate_actions.value <> excluded.value

-- name: actions
SELECT DISTINCT ON (ticker, ex_date, kind) ticker, ex_date, kind, value FROM corporate_actions
WHERE market_id = %s AND ticker = ANY (%s) AND ex_date BETWEEN %s AND %s
ORDER BY ticker, ex_date, kind, fetched_at DESC
