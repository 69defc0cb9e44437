-- Migration 10: feature sets, built for whole markets and read by ticker and date.

CREATE TABLE feature_sets (
    market_id        text NOT NULL REFERENCES markets (id) ON DELETE CASCADE,
    feature_set_hash text NOT NULL,
    names            text[] NOT NULL,
    definitions      text[] NOT NULL,
    PRIMARY KEY (market_id, feature_set_hash)
);

CREATE TABLE feature_values (
    market_id        text NOT NULL,
    feature_set_hash text NOT NULL,
    ticker           text NOT NULL,
    session          date NOT NULL,
    values           double precision[] NOT NULL,
    PRIMARY KEY (market_id, feature_set_hash, ticker, session),
    FOREIGN KEY (market_id, feature_set_hash) REFERENCES feature_sets ON DELETE CASCADE
);
