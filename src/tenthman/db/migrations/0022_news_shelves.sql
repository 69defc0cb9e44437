-- Migration 22: codes in narrow rows, found by two numbers: that of the shelf (market, model and ticker) and that of the vector.

-- Made before the column, which writes all vectors anew, and after it again.
SET LOCAL maintenance_work_mem = '256MB';
DROP TABLE news_codes;
DROP INDEX news_vectors_384, news_vectors_768, news_vectors_1024;
ALTER TABLE news_vectors ADD COLUMN number bigint NOT NULL GENERATED ALWAYS AS IDENTITY UNIQUE;
CREATE INDEX news_vectors_384 ON news_vectors USING hnsw ((vector::halfvec(384)) halfvec_ip_ops)
    WITH (m = 24, ef_construction = 200) WHERE dimensions = 384;
CREATE INDEX news_vectors_768 ON news_vectors USING hnsw ((vector::halfvec(768)) halfvec_ip_ops)
    WITH (m = 24, ef_construction = 200) WHERE dimensions = 768;
CREATE INDEX news_vectors_1024 ON news_vectors USING hnsw ((vector::halfvec(1024)) halfvec_ip_ops)
    WITH (m = 24, ef_construction = 200) WHERE dimensions = 1024;

CREATE TABLE news_shelves (
    number    integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    market_id text NOT NULL REFERENCES markets (id) ON DELETE CASCADE,
    model     text NOT NULL CHECK (model <> ''),
    ticker    text NOT NULL,
    UNIQUE (market_id, model, ticker)
);
CREATE TABLE news_codes (
    shelf    integer NOT NULL REFERENCES news_shelves (number) ON DELETE CASCADE,
    known_at timestamptz NOT NULL,
    vector   bigint NOT NULL REFERENCES news_vectors (number) ON DELETE CASCADE,
    code     bit varying NOT NULL,
    PRIMARY KEY (vector, shelf)
);

CREATE TEMP TABLE coded ON COMMIT DROP AS
SELECT x.market_id, x.model, named.ticker, x.known_at, x.number, x.code
FROM (SELECT *, news_code(vector) AS code FROM news_vectors OFFSET 0) x
JOIN news_versions v USING (market_id, news_id, version), unnest(array_append(v.tickers, '')) AS named (ticker);
INSERT INTO news_shelves (market_id, model, ticker)
SELECT DISTINCT market_id, model, ticker FROM coded ORDER BY market_id, model, ticker;
INSERT INTO news_codes (shelf, known_at, vector, code)
SELECT DISTINCT ON (s.number, x.known_at, x.number) s.number, x.known_at, x.number, x.code
FROM coded x JOIN news_shelves s USING (market_id, model, ticker)
ORDER BY s.number, x.known_at, x.number;
CREATE INDEX news_codes_by_shelf ON news_codes (shelf, known_at) INCLUDE (vector, code);
