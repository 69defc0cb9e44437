-- Migration 18: splits and new names of what a run holds, as its account showed them; parts of a share paid in cash.

CREATE TABLE share_changes (
    run_id     uuid NOT NULL REFERENCES runs (id),
    ticker     text NOT NULL CHECK (ticker <> ''),
    since      date NOT NULL,
    becomes    text NOT NULL CHECK (becomes <> ''),
    new_shares integer NOT NULL CHECK (new_shares > 0),
    old_shares integer NOT NULL CHECK (old_shares > 0),
    shown_at   timestamptz NOT NULL,
    PRIMARY KEY (run_id, ticker, since)
);

ALTER TABLE orders DROP CONSTRAINT orders_purpose_check;
ALTER TABLE orders ADD CONSTRAINT orders_purpose_check
    CHECK (purpose IN ('entry', 'exit', 'target', 'stop', 'delisted', 'fraction'));
