-- Migration 17: the vectors of one ticker's headlines lie side by side, so that comparing them all reads few pages.

CREATE TABLE news_ticker_vectors (
    id         bigint NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    market_id  text NOT NULL,
    model      text NOT NULL,
    ticker     text NOT NULL,
    known_at   timestamptz NOT NULL,
    news_id    text NOT NULL,
    version    integer NOT NULL,
    vector     halfvec NOT NULL,
    dimensions integer NOT NULL GENERATED ALWAYS AS (vector_dims(vector)) STORED,
    UNIQUE (market_id, model, news_id, version, ticker),
    FOREIGN KEY (market_id, model, news_id, version) REFERENCES news_vectors (market_id, model, news_id, version)
        ON DELETE CASCADE
);
INSERT INTO news_ticker_vectors (market_id, model, ticker, known_at, news_id, version, vector)
SELECT DISTINCT ON (x.market_id, x.model, named.ticker, x.known_at, x.news_id, x.version)
       x.market_id, x.model, named.ticker, x.known_at, x.news_id, x.version, x.vector
FROM news_vectors x, unnest(x.tickers) AS named (ticker)
ORDER BY x.market_id, x.model, named.ticker, x.known_at, x.news_id, x.version;

-- An index row holds at most a third of a page; wider vectors are read from the table.
CREATE INDEX news_ticker_vectors_narrow ON news_ticker_vectors (market_id, model, ticker, known_at) INCLUDE (id, vector)
    WHERE dimensions <= 1024;
CREATE INDEX news_ticker_vectors_wide ON news_ticker_vectors (market_id, model, ticker, known_at) WHERE dimensions > 1024;

DROP INDEX news_vectors_by_ticker;
ALTER TABLE news_vectors DROP COLUMN tickers;
