-- Migration 2: the registry of signal models: sealed manifests, roles, trials, looks out of sample, shadow signals.

-- The manifest is kept to the byte, since it is sealed by its own hash.
ALTER TABLE models ALTER COLUMN manifest TYPE json USING manifest::json;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP;
END
$$;
CREATE TRIGGER models_are_immutable BEFORE UPDATE OR DELETE ON models
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER models_are_kept BEFORE TRUNCATE ON models
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- How models did in walk-forward when they were asked to: what the gate of promotion reads. The newest one counts.
CREATE TABLE model_evaluations (
    sequence     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version      text NOT NULL REFERENCES models (version),
    body         jsonb NOT NULL,
    evaluated_at timestamptz NOT NULL
);
CREATE INDEX model_evaluations_by_version ON model_evaluations (version, sequence);
CREATE TRIGGER model_evaluations_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON model_evaluations
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What a model is to its market. The newest row of a model is its role; a model without a row has none.
CREATE TABLE model_roles (
    sequence   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    market_id  text NOT NULL REFERENCES markets (id),
    version    text NOT NULL REFERENCES models (version),
    role       text NOT NULL CHECK (role IN ('champion', 'challenger', 'retired')),
    reason     text NOT NULL CHECK (reason <> ''),
    checks     jsonb NOT NULL,                                 -- what the gate saw, where it was asked
    restored   boolean NOT NULL,                               -- by a rollback, which undoes the promotion before it
    changed_by text NOT NULL CHECK (changed_by <> ''),
    changed_at timestamptz NOT NULL
);
CREATE INDEX model_roles_by_market ON model_roles (market_id, sequence);
CREATE TRIGGER model_roles_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON model_roles
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Every way of making a model that was tried on a market: the best of many looks good by luck.
CREATE TABLE trials (
    market_id text NOT NULL REFERENCES markets (id),
    key       text NOT NULL CHECK (key <> ''),
    kind      text NOT NULL CHECK (kind <> ''),                -- trained, tuned, compared, ...
    tried_at  timestamptz NOT NULL,
    PRIMARY KEY (market_id, key)
);
CREATE TRIGGER trials_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON trials
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TABLE trial_sharpes (
    market_id text NOT NULL,
    key       text NOT NULL,
    sharpe    double precision NOT NULL CHECK (sharpe > '-Infinity' AND sharpe < 'Infinity'), -- of a session, net of costs
    PRIMARY KEY (market_id, key),
    FOREIGN KEY (market_id, key) REFERENCES trials (market_id, key)
);
CREATE TRIGGER trial_sharpes_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON trial_sharpes
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Every look at a period that was kept out of sample.
CREATE TABLE looks (
    sequence      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    market_id     text NOT NULL REFERENCES markets (id),
    first_session date NOT NULL,
    last_session  date NOT NULL,
    key           text NOT NULL CHECK (key <> ''),             -- what was looked at
    looked_at     timestamptz NOT NULL,
    CHECK (last_session >= first_session)
);
CREATE INDEX looks_by_market ON looks (market_id, sequence);
CREATE TRIGGER looks_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON looks
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What champion and challengers said of every member in a decision run, so that they can be compared later.
CREATE TABLE shadow_signals (
    run_id  uuid NOT NULL REFERENCES runs (id),
    as_of   timestamptz NOT NULL,
    session date NOT NULL,                                     -- the last bar read
    version text NOT NULL REFERENCES models (version),
    ticker  text NOT NULL CHECK (ticker <> ''),
    score   double precision NOT NULL CHECK (score >= -1 AND score <= 1), -- p_buy - p_sell
    PRIMARY KEY (run_id, as_of, version, ticker)
);
