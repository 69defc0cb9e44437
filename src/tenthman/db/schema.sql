-- Tenth Man: the whole schema. A test proves that it equals all migrations applied in order.
-- Money is numeric, instants are timestamptz (UTC), sessions are dates. What is illegal is refused here, not only in code.

CREATE EXTENSION IF NOT EXISTS vector;

-- What a market is: a pack, Yahoo, the practice market, or live data.
CREATE TABLE markets (
    id            text PRIMARY KEY CHECK (id <> ''),          -- short content hash for packs, 'live' for live data
    kind          text NOT NULL CHECK (kind IN ('pack', 'yahoo', 'practice', 'live')),
    name          text NOT NULL,
    description   text NOT NULL,
    source        text NOT NULL,
    price_basis   text NOT NULL,
    licence       text NOT NULL,
    content_hash  text NOT NULL,
    index_ticker  text NOT NULL
);

-- Dated membership of the universe.
CREATE TABLE universe (
    market_id   text NOT NULL REFERENCES markets (id) ON DELETE CASCADE,
    ticker      text NOT NULL CHECK (ticker <> ''),
    name        text NOT NULL,
    issuer      text NOT NULL CHECK (issuer <> ''),
    sector      text NOT NULL,
    aliases     text[] NOT NULL,
    member_from date NOT NULL,
    member_to   date,
    PRIMARY KEY (market_id, ticker, member_from),
    CHECK (member_to IS NULL OR member_to > member_from)
);

-- One row for each time that bars were brought in: what every bar of that fetch says of itself.
CREATE TABLE bar_fetches (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    market_id   text NOT NULL REFERENCES markets (id) ON DELETE CASCADE,
    source      text NOT NULL,
    price_basis text NOT NULL,
    fetched_at  timestamptz NOT NULL
);
CREATE INDEX bar_fetches_by_market ON bar_fetches (market_id, id);

-- Daily bars as the desk came to know them.
CREATE TABLE bars (
    market_id text NOT NULL,                                   -- a market's id: see the triggers below
    session   date NOT NULL,
    ticker    text NOT NULL,
    open      double precision NOT NULL,
    high      double precision NOT NULL,
    low       double precision NOT NULL,
    close     double precision NOT NULL,
    volume    double precision NOT NULL,
    known_at  timestamptz NOT NULL,
    fetch_id  bigint NOT NULL,                                 -- a fetch of the same market, by the same triggers
    -- By ticker, then by session: one ticker's years lie together, and a market that is loaded in this order grows at
    -- the end.
    PRIMARY KEY (market_id, ticker, session),
    -- One check of all fields, which leaves out what follows from the rest, costs less than one of each.
    CHECK (
        low > 0 AND low <= open AND low <= close AND high >= open AND high >= close AND high < 'Infinity'
        AND volume >= 0 AND volume < 'Infinity'
    )
) PARTITION BY LIST (market_id);
-- Every bar. The triggers of `bars` keep all rows of a statement until its end; what is loaded into the partition itself,
-- under a fetch made in the same transaction, needs no such look.
CREATE TABLE bar_rows PARTITION OF bars DEFAULT;

-- A foreign key checks row by row, which halves the speed of loading a market; these triggers promise the same once
-- for each statement, with the same lock on the market's row.
CREATE FUNCTION require_market_of_bars() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    named record;
BEGIN
    -- Nearly always there is one pair, and to look for another is quicker than to group.
    FOR named IN
        WITH one AS MATERIALIZED (SELECT market_id, fetch_id FROM added LIMIT 1)
        SELECT market_id, fetch_id FROM one
        UNION
        SELECT added.market_id, added.fetch_id FROM added, one
        WHERE added.fetch_id <> one.fetch_id OR added.market_id <> one.market_id
    LOOP
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
CREATE TRIGGER bars_have_a_market_when_inserted AFTER INSERT ON bars REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION require_market_of_bars();
CREATE TRIGGER bars_have_a_market_when_updated AFTER UPDATE ON bars REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION require_market_of_bars();

CREATE FUNCTION remove_bars_of_market() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM bars WHERE market_id = OLD.id;
    DELETE FROM intraday_bars WHERE market_id = OLD.id;
    RETURN NULL;
END
$$;
CREATE TRIGGER markets_take_their_bars_along AFTER DELETE ON markets
    FOR EACH ROW EXECUTE FUNCTION remove_bars_of_market();

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

-- Renames that the store learned of after its release: others spell a security by its new name, in here it keeps its own.
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

-- Headlines: one row per article, one version per text that was seen.
CREATE TABLE news (
    market_id  text NOT NULL REFERENCES markets (id) ON DELETE CASCADE,
    id         text NOT NULL CHECK (id <> ''),
    source     text NOT NULL,
    url        text NOT NULL,
    PRIMARY KEY (market_id, id)
);
CREATE TABLE news_versions (
    market_id    text NOT NULL,
    news_id      text NOT NULL,
    version      integer NOT NULL CHECK (version >= 1),
    headline     text NOT NULL CHECK (headline <> ''),
    summary      text NOT NULL,
    published_at timestamptz NOT NULL,
    known_at     timestamptz NOT NULL,
    precision    text NOT NULL CHECK (precision IN ('instant', 'day')),
    source_tickers text[] NOT NULL,                            -- tagged by the source
    tickers      text[] NOT NULL,                              -- linked by the desk
    weight       double precision NOT NULL CHECK (weight >= 0 AND weight <= 1),
    sentiment    double precision NOT NULL CHECK (sentiment >= -1 AND sentiment <= 1),
    document     tsvector NOT NULL GENERATED ALWAYS AS (to_tsvector('english', headline || ' ' || summary)) STORED,
    PRIMARY KEY (market_id, news_id, version),
    FOREIGN KEY (market_id, news_id) REFERENCES news (market_id, id) ON DELETE CASCADE,
    CHECK (known_at >= published_at)
);
CREATE INDEX news_versions_by_known_at ON news_versions (market_id, known_at);
CREATE INDEX news_versions_by_ticker ON news_versions USING gin (tickers);
CREATE INDEX news_versions_by_words ON news_versions USING gin (document);

-- One vector per text and model; the same headline is embedded once.
CREATE TABLE embeddings (
    text_hash  text NOT NULL,                                  -- SHA-256 of the text embedded
    model      text NOT NULL,
    vector     vector NOT NULL,
    dimensions integer NOT NULL GENERATED ALWAYS AS (vector_dims(vector)) STORED,
    PRIMARY KEY (text_hash, model)
);

-- What retrieval reads: the vector of each version beside what searches are narrowed by. It can be rebuilt at any time.
CREATE TABLE news_vectors (
    market_id  text NOT NULL,
    model      text NOT NULL CHECK (model <> ''),
    news_id    text NOT NULL,
    version    integer NOT NULL,
    known_at   timestamptz NOT NULL,
    vector     halfvec NOT NULL,                               -- of length 1
    dimensions integer NOT NULL GENERATED ALWAYS AS (vector_dims(vector)) STORED,
    number     bigint NOT NULL GENERATED ALWAYS AS IDENTITY UNIQUE,
    PRIMARY KEY (market_id, model, news_id, version),
    FOREIGN KEY (market_id, news_id, version) REFERENCES news_versions (market_id, news_id, version) ON DELETE CASCADE
);
CREATE INDEX news_vectors_by_known_at ON news_vectors (market_id, model, known_at);
CREATE INDEX news_vectors_384 ON news_vectors USING hnsw ((vector::halfvec(384)) halfvec_ip_ops)
    WITH (m = 24, ef_construction = 200) WHERE dimensions = 384;
CREATE INDEX news_vectors_768 ON news_vectors USING hnsw ((vector::halfvec(768)) halfvec_ip_ops)
    WITH (m = 24, ef_construction = 200) WHERE dimensions = 768;
CREATE INDEX news_vectors_1024 ON news_vectors USING hnsw ((vector::halfvec(1024)) halfvec_ip_ops)
    WITH (m = 24, ef_construction = 200) WHERE dimensions = 1024;

-- A vector of length 1 as bits, each number as above -c, 0 and c or not, c being 0.7 of the root mean square: codes differ
-- in the more bits the farther two vectors lie apart. Of very wide ones the sign alone: an index row holds 2,700 bytes.
CREATE FUNCTION news_code(given halfvec) RETURNS bit varying LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN vector_dims(given) <= 4096 THEN
    binary_quantize(given + array_fill((0.7 / sqrt(vector_dims(given)))::real, ARRAY[vector_dims(given)])::halfvec)
    || binary_quantize(given)
    || binary_quantize(given - array_fill((0.7 / sqrt(vector_dims(given)))::real, ARRAY[vector_dims(given)])::halfvec)
ELSE binary_quantize(given)::bit varying END;

-- Where the codes of a market's headlines on a ticker stand: one number in place of three names.
CREATE TABLE news_shelves (
    number    integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    market_id text NOT NULL REFERENCES markets (id) ON DELETE CASCADE,
    model     text NOT NULL CHECK (model <> ''),
    ticker    text NOT NULL,                               -- '': of any, or of none
    UNIQUE (market_id, model, ticker)
);

-- Codes side by side in an index, once for every headline and once for each of its tickers: comparing all reads few pages.
CREATE TABLE news_codes (
    shelf    integer NOT NULL REFERENCES news_shelves (number) ON DELETE CASCADE,
    known_at timestamptz NOT NULL,
    vector   bigint NOT NULL REFERENCES news_vectors (number) ON DELETE CASCADE,
    code     bit varying NOT NULL,
    PRIMARY KEY (vector, shelf)
);
CREATE INDEX news_codes_by_shelf ON news_codes (shelf, known_at) INCLUDE (vector, code);

-- What is known of each feed: where it lives now, its validators, its failures, and when it last said something new.
CREATE TABLE feeds (
    address       text PRIMARY KEY CHECK (address <> ''),      -- as configured
    home          text NOT NULL CHECK (home <> ''),            -- after permanent redirects
    etag          text,
    last_modified text,
    failures      integer NOT NULL CHECK (failures >= 0),      -- one after the other
    resume_at     timestamptz,                                 -- not asked before then
    asked_at      timestamptz NOT NULL,
    spoke_at      timestamptz NOT NULL,                        -- first asked, or last item that was new
    alarmed_at    timestamptz,                                 -- when its silence was told, since it last spoke
    outcome       text NOT NULL CHECK (outcome <> '')
);

-- Feature rows that a decision was made on.
CREATE TABLE features (
    market_id        text NOT NULL REFERENCES markets (id) ON DELETE CASCADE,
    feature_set_hash text NOT NULL,
    ticker           text NOT NULL,
    session          date NOT NULL,                            -- the last bar read
    as_of            timestamptz NOT NULL,
    names            text[] NOT NULL,
    values           double precision[] NOT NULL,              -- NaN where a feature is undefined
    PRIMARY KEY (market_id, feature_set_hash, ticker, as_of),
    CHECK (cardinality(names) = cardinality(values))
);

-- Versioned feature sets, built for whole markets.
CREATE TABLE feature_sets (
    market_id        text NOT NULL REFERENCES markets (id) ON DELETE CASCADE,
    feature_set_hash text NOT NULL,                            -- of names and definitions
    names            text[] NOT NULL,
    definitions      text[] NOT NULL,
    PRIMARY KEY (market_id, feature_set_hash)
);

-- The features of a member in a session; NaN where one is undefined.
CREATE TABLE feature_values (
    market_id        text NOT NULL,
    feature_set_hash text NOT NULL,
    ticker           text NOT NULL,
    session          date NOT NULL,
    values           double precision[] NOT NULL,
    PRIMARY KEY (market_id, feature_set_hash, ticker, session),
    FOREIGN KEY (market_id, feature_set_hash) REFERENCES feature_sets ON DELETE CASCADE
);

-- Trained signal models: immutable.
CREATE TABLE models (
    version          text PRIMARY KEY CHECK (version <> ''),
    market_id        text NOT NULL REFERENCES markets (id) ON DELETE CASCADE,
    trained_until    date NOT NULL,                            -- no bar after this session was touched
    feature_set_hash text NOT NULL,
    manifest         json NOT NULL,                            -- kept to the byte: it is sealed by its own hash
    artefact         bytea NOT NULL,                           -- UBJSON
    artefact_sha256  text NOT NULL CHECK (length(artefact_sha256) = 64),
    trained_at       timestamptz NOT NULL
);

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

-- Which names a market has prices of, and from when to when: by this it is told which markets are one history, so that
-- trials and looks are not forgotten when the data is touched. Practice markets of one name are one history.
CREATE TABLE grounds (
    market_id     text NOT NULL REFERENCES markets (id) ON DELETE CASCADE,
    ticker        text NOT NULL CHECK (ticker <> ''),
    first_session date NOT NULL,
    last_session  date NOT NULL CHECK (last_session >= first_session), -- infinity: not known
    PRIMARY KEY (market_id, ticker)
);

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

-- Examinations of language models: they decide whether a veto binds.
CREATE TABLE examinations (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model         text NOT NULL,
    model_digest  text NOT NULL,
    prompts_hash  text NOT NULL,
    marks_hash    text NOT NULL,
    passed        boolean NOT NULL,
    result        jsonb NOT NULL,
    examined_at   timestamptz NOT NULL
);
CREATE INDEX examinations_by_model ON examinations (model_digest, prompts_hash, marks_hash);

-- One attempt at running the desk over a period, or one stretch of live trading.
CREATE TYPE run_status AS ENUM ('running', 'finished', 'interrupted', 'failed');
CREATE TABLE runs (
    id            uuid PRIMARY KEY,
    key_hash      text NOT NULL,                               -- equal keys and data give equal decisions
    market_id     text NOT NULL REFERENCES markets (id),
    -- asked: one debate that a person asked for; it decides nothing and counts for nobody's worth
    world         text NOT NULL CHECK (world IN ('backtest', 'rehearsal', 'paper', 'live', 'redecide', 'asked')),
    account_id    text,
    first_session date NOT NULL,
    last_session  date NOT NULL,
    config_hash   text NOT NULL,
    model_version text NOT NULL REFERENCES models (version),
    started_at    timestamptz NOT NULL,                        -- wall clock
    finished_at   timestamptz,
    status        run_status NOT NULL,
    reached       timestamptz,                                 -- market time of the last finished step
    summary       jsonb,
    CHECK (last_session >= first_session)
);
CREATE INDEX runs_by_key ON runs (key_hash);

-- The tape: every reply of a language model, raw. Same prompt, same model, same answer.
CREATE TABLE model_replies (
    prompt_hash   text NOT NULL,
    model_digest  text NOT NULL,
    model         text NOT NULL,
    role          text NOT NULL,
    prompt        jsonb NOT NULL,
    state         text NOT NULL CHECK (state IN
        ('answered', 'abstained', 'invalid', 'truncated', 'timed_out', 'unreachable', 'over_budget')),
    reply         text NOT NULL,
    prompt_tokens integer NOT NULL CHECK (prompt_tokens >= 0),
    reply_tokens  integer NOT NULL CHECK (reply_tokens >= 0),
    latency_ms    integer NOT NULL CHECK (latency_ms >= 0),
    recorded_at   timestamptz NOT NULL DEFAULT now(),
    options       jsonb NOT NULL DEFAULT '{}',                  -- how it was asked: server, temperature, seed, bounds
    read_ms       integer NOT NULL DEFAULT 0 CHECK (read_ms >= 0),   -- by the server's own clock; 0: it does not say
    write_ms      integer NOT NULL DEFAULT 0 CHECK (write_ms >= 0),
    failure       text NOT NULL DEFAULT '',                     -- why there is no answer, in words
    PRIMARY KEY (prompt_hash, model_digest)
);

-- Questions in vain: what they met says something of the moment, not of the model, so the tape does not answer them.
CREATE TABLE unanswered_prompts (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    prompt_hash   text NOT NULL,
    model_digest  text NOT NULL,
    model         text NOT NULL,
    role          text NOT NULL,
    prompt        jsonb NOT NULL,
    options       jsonb NOT NULL,
    state         text NOT NULL CHECK (state IN ('timed_out', 'unreachable', 'over_budget')),
    latency_ms    integer NOT NULL CHECK (latency_ms >= 0),
    recorded_at   timestamptz NOT NULL DEFAULT now(),
    failure       text NOT NULL DEFAULT ''
);
CREATE INDEX unanswered_prompts_by_prompt ON unanswered_prompts (prompt_hash, model_digest);

-- Cases: all that the agents could know, under the hash of their content.
CREATE TABLE cases (
    hash   text PRIMARY KEY CHECK (length(hash) = 64),
    ticker text NOT NULL,
    as_of  timestamptz NOT NULL,
    body   jsonb NOT NULL
);

-- What the desk decided, before anything was sent.
CREATE TYPE verdict_kind AS ENUM ('enter', 'exit', 'hold', 'veto', 'abstain');
CREATE TABLE decisions (
    run_id        uuid NOT NULL REFERENCES runs (id),
    id            text NOT NULL CHECK (id <> ''),
    session       date NOT NULL,
    slot          text NOT NULL CHECK (slot IN ('morning', 'afternoon', 'check')),
    as_of         timestamptz NOT NULL,
    ticker        text NOT NULL,
    case_hash     text REFERENCES cases (hash),
    action        text CHECK (action IN ('buy', 'sell', 'hold')),
    score         double precision,
    verdict       verdict_kind NOT NULL,
    verdict_detail jsonb NOT NULL,                             -- reasons, cause, size fraction
    denied_by     text,                                        -- the rule that bound, when risk said no
    checks        jsonb NOT NULL,                              -- every check with observed and limit
    client_order_id text,                                      -- of the order that this decision sends
    body_hash     text NOT NULL CHECK (length(body_hash) = 64), -- of the whole decision: two runs agree when equal
    config_hash   text NOT NULL,
    model_version text NOT NULL,
    PRIMARY KEY (run_id, id)
);
CREATE INDEX decisions_by_ticker ON decisions (ticker, session);
CREATE INDEX decisions_by_session ON decisions (session, ticker);

CREATE TABLE critiques (
    run_id         uuid NOT NULL,
    decision_id    text NOT NULL,
    role           text NOT NULL CHECK (role IN ('analyst', 'bull', 'bear', 'risk', 'committee', 'rules')),
    model          text NOT NULL,
    model_digest   text,
    binding        boolean NOT NULL,
    state          text NOT NULL,
    stance         text NOT NULL CHECK (stance IN ('approve', 'shrink', 'veto', 'none')),
    size_fraction  double precision NOT NULL CHECK (size_fraction >= 0 AND size_fraction <= 1),
    reasons        text[] NOT NULL,
    cited          text[] NOT NULL,
    invalid_citations text[] NOT NULL,
    confidence_pct integer NOT NULL CHECK (confidence_pct BETWEEN 0 AND 100),
    prompt_hash    text,
    latency_ms     integer NOT NULL,
    detail         text NOT NULL,
    template_hash  text,                                       -- version of the prompts that were put
    PRIMARY KEY (run_id, decision_id, role),
    FOREIGN KEY (run_id, decision_id) REFERENCES decisions (run_id, id)
);
CREATE INDEX critiques_by_role ON critiques (role, stance);

-- Orders: the row is committed before the order leaves. Legs of a bracket are rows of their own once the broker names them.
CREATE TABLE orders (
    run_id          uuid NOT NULL,
    client_order_id text NOT NULL CHECK (client_order_id <> ''),
    decision_id     text NOT NULL,
    purpose         text NOT NULL CHECK (purpose IN ('entry', 'exit', 'target', 'stop', 'delisted', 'fraction')),
    parent_client_order_id text,
    broker_order_id text,
    ticker          text NOT NULL,
    side            text NOT NULL CHECK (side IN ('buy', 'sell')),
    quantity        numeric NOT NULL CHECK (quantity > 0),
    order_type      text NOT NULL CHECK (order_type IN ('market', 'limit', 'stop')),
    time_in_force   text NOT NULL CHECK (time_in_force IN ('day', 'gtc')),
    limit_price     numeric CHECK (limit_price > 0),
    stop_price      numeric CHECK (stop_price > 0),
    target_price    numeric CHECK (target_price > 0),
    -- intent: committed, not yet known to be sent; unknown: sent, outcome not known; else the broker's own word
    status          text NOT NULL,
    filled_quantity numeric NOT NULL DEFAULT 0 CHECK (filled_quantity >= 0 AND filled_quantity <= quantity),
    filled_avg_price numeric CHECK (filled_avg_price > 0),
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    error           text,
    PRIMARY KEY (run_id, client_order_id),
    UNIQUE (run_id, broker_order_id),
    FOREIGN KEY (run_id, decision_id) REFERENCES decisions (run_id, id)
);

CREATE TABLE fills (
    run_id          uuid NOT NULL,
    execution_id    text NOT NULL,
    client_order_id text NOT NULL,
    ticker          text NOT NULL,
    side            text NOT NULL CHECK (side IN ('buy', 'sell')),
    quantity        numeric NOT NULL CHECK (quantity > 0),
    price           numeric NOT NULL CHECK (price > 0),
    fees_usd        numeric NOT NULL CHECK (fees_usd >= 0),
    filled_at       timestamptz NOT NULL,
    PRIMARY KEY (run_id, execution_id),
    FOREIGN KEY (run_id, client_order_id) REFERENCES orders (run_id, client_order_id)
);

-- Round trips: opened by the first fill of an entry, closed by the last fill of what sold it.
CREATE TABLE positions (
    run_id         uuid NOT NULL,
    decision_id    text NOT NULL,                              -- of the entry; the trade's id
    ticker         text NOT NULL,
    quantity       numeric NOT NULL CHECK (quantity >= 0),     -- still held
    bought         numeric NOT NULL CHECK (bought > 0),
    avg_entry_price numeric NOT NULL CHECK (avg_entry_price > 0),
    opened_at      timestamptz NOT NULL,
    opened_session date NOT NULL,
    closed_at      timestamptz,
    exit_reason    text,                                       -- target, stop, delisted, fraction, or the reason of the exit decision
    avg_exit_price numeric CHECK (avg_exit_price > 0),
    fees_usd       numeric NOT NULL CHECK (fees_usd >= 0),
    realised_usd   numeric NOT NULL,                           -- after fees
    PRIMARY KEY (run_id, decision_id),
    FOREIGN KEY (run_id, decision_id) REFERENCES decisions (run_id, id),
    CHECK ((closed_at IS NULL) = (quantity > 0))
);

-- Splits and new names of what a run holds: since when each share of `ticker` is new_shares / old_shares of `becomes`.
-- They are entered when the account shows them; positions are in shares as they are today.
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

-- The account at every check: equity, and what was held.
CREATE TABLE equity (
    run_id       uuid NOT NULL REFERENCES runs (id),
    at           timestamptz NOT NULL,
    session      date NOT NULL,
    equity_usd   numeric NOT NULL,
    cash_usd     numeric NOT NULL,
    peak_usd     numeric NOT NULL,
    day_start_usd numeric NOT NULL,
    positions    integer NOT NULL CHECK (positions >= 0),
    holdings     jsonb NOT NULL,                               -- ticker -> {quantity, price}
    PRIMARY KEY (run_id, at)
);

-- The latch. The newest row of a run is its state.
CREATE TABLE trading_state (
    run_id     uuid NOT NULL REFERENCES runs (id),
    sequence   bigint GENERATED ALWAYS AS IDENTITY,
    state      text NOT NULL CHECK (state IN ('active', 'reducing', 'halted')),
    reason     text NOT NULL CHECK (reason <> ''),
    changed_by text NOT NULL CHECK (changed_by <> ''),
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (run_id, sequence)
);

-- Entries that were vetoed or shrunk live on here, under the same stops, so that a veto's worth can be measured.
CREATE TABLE shadow_positions (
    run_id       uuid NOT NULL,
    decision_id  text NOT NULL,
    ticker       text NOT NULL,
    cause        text NOT NULL CHECK (cause IN ('veto', 'shrink', 'abstain')),
    quantity     numeric NOT NULL CHECK (quantity > 0),        -- what was taken away
    limit_price  numeric NOT NULL CHECK (limit_price > 0),
    stop_price   numeric NOT NULL CHECK (stop_price > 0),
    target_price numeric NOT NULL CHECK (target_price > 0),
    horizon_sessions integer NOT NULL CHECK (horizon_sessions > 0),
    opened_session date NOT NULL,                              -- the session it would have been sent in
    entry_price  numeric CHECK (entry_price > 0),
    exit_price   numeric CHECK (exit_price > 0),
    exit_session date,
    exit_reason  text CHECK (exit_reason IN
        ('stop', 'target', 'time', 'signal', 'drawdown', 'never_filled', 'run_end')),
    pnl_usd      numeric,                                      -- after costs
    fees_usd     numeric CHECK (fees_usd >= 0),                -- regulatory fees within pnl_usd
    dividends_usd numeric CHECK (dividends_usd >= 0),          -- within pnl_usd too
    PRIMARY KEY (run_id, decision_id),
    FOREIGN KEY (run_id, decision_id) REFERENCES decisions (run_id, id)
);

-- Names that the model said SELL of in a run of decisions, held or not: they end shadow positions too.
CREATE TABLE sell_signals (
    run_id  uuid NOT NULL REFERENCES runs (id),
    as_of   timestamptz NOT NULL,
    tickers text[] NOT NULL,
    PRIMARY KEY (run_id, as_of)
);

-- Committees that lost their veto by their own record, and those that a person gave it back to. The newest row counts.
CREATE TABLE committee_standings (
    sequence     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id       uuid NOT NULL REFERENCES runs (id),
    model        text NOT NULL,
    model_digest text NOT NULL CHECK (model_digest <> ''),
    template_hash text NOT NULL CHECK (template_hash <> ''),
    standing     text NOT NULL CHECK (standing IN ('demoted', 'reinstated')),
    reason       text NOT NULL CHECK (reason <> ''),
    evidence     jsonb NOT NULL,
    changed_by   text NOT NULL CHECK (changed_by <> ''),
    changed_at   timestamptz NOT NULL
);
CREATE INDEX committee_standings_by_run ON committee_standings (run_id, sequence);
CREATE TRIGGER committee_standings_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON committee_standings
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- How much of a debate a case was given, so that a replay gives it the same. The first one counts.
CREATE TABLE debates (
    case_hash    text NOT NULL CHECK (length(case_hash) = 64),
    model_digest text NOT NULL CHECK (model_digest <> ''),
    ladder_hash  text NOT NULL CHECK (length(ladder_hash) = 64),
    rung         text NOT NULL CHECK (rung IN ('full', 'short', 'unreviewed')),
    seconds      double precision NOT NULL CHECK (seconds >= 0 AND seconds < 'Infinity'),
    held_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (case_hash, model_digest, ladder_hash)
);

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

-- Everything that happened, in order, chained by hashes. Append-only.
CREATE TABLE audit_events (
    sequence      bigint PRIMARY KEY CHECK (sequence >= 1),
    run_id        uuid NOT NULL,
    at            timestamptz NOT NULL,
    kind          text NOT NULL,
    subject       text NOT NULL,
    payload       text NOT NULL,                               -- canonical JSON, kept as text: it is what was hashed
    previous_hash text NOT NULL CHECK (length(previous_hash) = 64),
    hash          text NOT NULL UNIQUE CHECK (length(hash) = 64)
);
CREATE INDEX audit_events_by_run ON audit_events (run_id, sequence);
CREATE INDEX audit_events_by_subject ON audit_events (subject);

CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit_events is append-only: % refused', TG_OP;
END
$$;
CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
