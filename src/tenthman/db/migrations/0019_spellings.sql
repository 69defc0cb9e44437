-- Migration 19: renames that a store learned of after its release, by which others spell a security that keeps its ticker.

CREATE TABLE spellings (
    market_id  text NOT NULL REFERENCES markets (id) ON DELETE CASCADE,
    old        text NOT NULL CHECK (old <> ''),
    new        text NOT NULL CHECK (new <> '' AND new <> old),
    since      date NOT NULL,
    source     text NOT NULL CHECK (source <> ''),
    learned_at timestamptz NOT NULL,
    PRIMARY KEY (market_id, old, since),
    UNIQUE (market_id, new)
);
