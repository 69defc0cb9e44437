-- Migration 15: shadows are sold as the desk would have sold them, and debates that a person asked for are kept.

ALTER TABLE shadow_positions
    ADD COLUMN dividends_usd numeric CHECK (dividends_usd >= 0),
    DROP CONSTRAINT shadow_positions_exit_reason_check,
    ADD CONSTRAINT shadow_positions_exit_reason_check CHECK (exit_reason IN
        ('stop', 'target', 'time', 'signal', 'drawdown', 'never_filled', 'run_end'));

CREATE TABLE sell_signals (
    run_id  uuid NOT NULL REFERENCES runs (id),
    as_of   timestamptz NOT NULL,
    tickers text[] NOT NULL,
    PRIMARY KEY (run_id, as_of)
);

ALTER TABLE runs
    DROP CONSTRAINT runs_world_check,
    ADD CONSTRAINT runs_world_check CHECK (world IN
        ('backtest', 'rehearsal', 'paper', 'live', 'redecide', 'asked'));
