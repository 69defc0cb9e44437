-- Migration 16: trials and looks belong to the history that they were made on, not to one version of its data.

-- Which names a market has prices of, and from when to when: by this it is told which markets are one history, so that
-- trials and looks are not forgotten when the data is touched. Practice markets of one name are one history.
CREATE TABLE grounds (
    market_id     text NOT NULL REFERENCES markets (id) ON DELETE CASCADE,
    ticker        text NOT NULL CHECK (ticker <> ''),
    first_session date NOT NULL,
    last_session  date NOT NULL CHECK (last_session >= first_session), -- infinity: not known
    PRIMARY KEY (market_id, ticker)
);

-- What is known of the markets so far: their bars where they are stored, else their membership.
INSERT INTO grounds (market_id, ticker, first_session, last_session)
SELECT market_id, ticker, min(session), max(session) FROM bars GROUP BY market_id, ticker;
INSERT INTO grounds (market_id, ticker, first_session, last_session)
SELECT market_id, ticker, min(member_from), max(coalesce(member_to, 'infinity')) FROM universe
WHERE ticker <> '' GROUP BY market_id, ticker
ON CONFLICT (market_id, ticker) DO UPDATE SET last_session = greatest(grounds.last_session, excluded.last_session);
