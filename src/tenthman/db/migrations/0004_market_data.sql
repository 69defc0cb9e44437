-- Migration 4: where each bar comes from, what was there before it, bars inside a session, corporate actions, flags.

-- One row for each time that bars were brought in: what every bar of that fetch says of itself.
CREATE TABLE bar_fetches (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    market_id   text NOT NULL REFERENCES markets (id) ON DELETE CASCADE,
    source      text NOT NULL,
    price_basis text NOT NULL,
    fetched_at  timestamptz NOT NULL
);
CREATE INDEX bar_fetches_by_market ON bar_fetches (market_id, id);

-- Live bars were stamped when they were fetched; those of other markets came with the market itself.
INSERT INTO bar_fetches (market_id, source, price_basis, fetched_at)
SELECT markets.id, source, price_basis, known_at
FROM markets JOIN (SELECT DISTINCT market_id, known_at FROM bars) AS seen ON seen.market_id = markets.id
WHERE kind = 'live';
INSERT INTO bar_fetches (market_id, source, price_basis, fetched_at)
SELECT id, source, price_basis, now() FROM markets WHERE kind <> 'live';

ALTER TABLE bars ADD COLUMN fetch_id bigint;
UPDATE bars SET fetch_id = bar_fetches.id
FROM bar_fetches JOIN markets ON markets.id = bar_fetches.market_id
WHERE bar_fetches.market_id = bars.market_id AND (kind <> 'live' OR fetched_at = known_at);
ALTER TABLE bars ALTER COLUMN fetch_id SET NOT NULL;

-- By ticker, then by session: one ticker's years lie together, and a market that is loaded in this order grows at the end.
ALTER TABLE bars DROP CONSTRAINT bars_pkey;
ALTER TABLE bars ADD CONSTRAINT bars_pkey PRIMARY KEY (market_id, ticker, session);

CREATE OR REPLACE FUNCTION require_market_of_bars() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    named record;
BEGIN
    FOR named IN SELECT DISTINCT market_id, fetch_id FROM added LOOP
        PERFORM 1 FROM markets WHERE id = named.market_id FOR KEY SHARE;
        IF NOT FOUND THEN
            RAISE foreign_key_violation
                USING MESSAGE = format('bars of market %L, which does not exist', named.market_id);
        END IF;
        PERFORM 1 FROM bar_fetches WHERE id = named.fetch_id AND market_id = named.market_id FOR KEY SHARE;
        IF NOT FOUND THEN
            RAISE foreign_key_violation
                USING MESSAGE = format('bars of fetch %s, which market %L does not have', named.fetch_id, named.market_id);
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;

-- What a bar was before its source changed it: adjusted history is rewritten after each split.
CREATE TABLE bar_revisions (
    sequence    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    market_id   text NOT NULL REFERENCES markets (id) ON DELETE CASCADE,
    ticker      text NOT NULL,
    session     date NOT NULL,
    open        double precision NOT NULL,
    high        double precision NOT NULL,
    low         double precision NOT NULL,
    close       double precision NOT NULL,
    volume      double precision NOT NULL,
    known_at    timestamptz NOT NULL,
    fetch_id    bigint NOT NULL,
    replaced_by bigint NOT NULL
);
CREATE INDEX bar_revisions_by_ticker ON bar_revisions (market_id, ticker, session);

-- Bars of 1 to 30 minutes, by the instant at which each begins.
CREATE TABLE intraday_bars (
    market_id text NOT NULL,                                   -- a market's id, by the same triggers as daily bars
    minutes   smallint NOT NULL CHECK (minutes BETWEEN 1 AND 30),
    ticker    text NOT NULL CHECK (ticker <> ''),
    begins_at timestamptz NOT NULL,
    open      double precision NOT NULL CHECK (open > 0 AND open < 'Infinity'),
    high      double precision NOT NULL CHECK (high > 0 AND high < 'Infinity'),
    low       double precision NOT NULL CHECK (low > 0),
    close     double precision NOT NULL CHECK (close > 0 AND close < 'Infinity'),
    volume    double precision NOT NULL CHECK (volume >= 0 AND volume < 'Infinity'),
    fetch_id  bigint NOT NULL,
    PRIMARY KEY (market_id, minutes, ticker, begins_at),
    CHECK (low <= open AND low <= close AND high >= open AND high >= close)
);
CREATE TRIGGER intraday_bars_have_a_market_when_inserted AFTER INSERT ON intraday_bars REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION require_market_of_bars();
CREATE TRIGGER intraday_bars_have_a_market_when_updated AFTER UPDATE ON intraday_bars REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION require_market_of_bars();

CREATE OR REPLACE FUNCTION remove_bars_of_market() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM bars WHERE market_id = OLD.id;
    DELETE FROM intraday_bars WHERE market_id = OLD.id;
    RETURN NULL;
END
$$;

-- Splits (new shares for each old one) and cash dividends (USD a share), by the first session that trades without them.
CREATE TABLE corporate_actions (
    market_id  text NOT NULL REFERENCES markets (id) ON DELETE CASCADE,
    ticker     text NOT NULL CHECK (ticker <> ''),
    ex_date    date NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('split', 'dividend')),
    value      double precision NOT NULL CHECK (value > 0 AND value < 'Infinity'),
    source     text NOT NULL CHECK (source <> ''),
    fetched_at timestamptz NOT NULL,
    PRIMARY KEY (market_id, ticker, ex_date, kind, source)
);

-- Bars that cannot be trusted, and why; cleared once the bar was mended. A flagged name is not entered.
CREATE TABLE bar_flags (
    market_id  text NOT NULL REFERENCES markets (id) ON DELETE CASCADE,
    ticker     text NOT NULL CHECK (ticker <> ''),
    session    date NOT NULL,
    rule       text NOT NULL CHECK (rule <> ''),
    detail     text NOT NULL CHECK (detail <> ''),
    flagged_at timestamptz NOT NULL,
    cleared_at timestamptz CHECK (cleared_at >= flagged_at),
    PRIMARY KEY (market_id, ticker, session, rule)
);
