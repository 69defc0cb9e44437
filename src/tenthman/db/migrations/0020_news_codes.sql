-- Migration 20: vectors are first compared by a code of three bits a number, and only the best of them in full.

-- A vector of length 1 as bits, each number as above -c, 0 and c or not, c being 0.7 of the root mean square: codes differ
-- in the more bits the farther two vectors lie apart. Of very wide ones the sign alone: an index row holds 2,700 bytes.
CREATE FUNCTION news_code(given halfvec) RETURNS bit varying LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN vector_dims(given) <= 4096 THEN
    binary_quantize(given + array_fill((0.7 / sqrt(vector_dims(given)))::real, ARRAY[vector_dims(given)])::halfvec)
    || binary_quantize(given)
    || binary_quantize(given - array_fill((0.7 / sqrt(vector_dims(given)))::real, ARRAY[vector_dims(given)])::halfvec)
ELSE binary_quantize(given)::bit varying END;

CREATE TABLE news_codes (
    market_id  text NOT NULL,
    model      text NOT NULL,
    ticker     text NOT NULL,
    known_at   timestamptz NOT NULL,
    news_id    text NOT NULL,
    version    integer NOT NULL,
    code       bit varying NOT NULL,
    PRIMARY KEY (market_id, model, news_id, version, ticker),
    FOREIGN KEY (market_id, model, news_id, version) REFERENCES news_vectors (market_id, model, news_id, version)
        ON DELETE CASCADE
);
INSERT INTO news_codes (market_id, model, ticker, known_at, news_id, version, code)
SELECT x.market_id, x.model, named.ticker, x.known_at, x.news_id, x.version, x.code
FROM (SELECT *, news_code(vector) AS code FROM news_vectors OFFSET 0) x
JOIN (
    SELECT market_id, model, news_id, version, '' AS ticker FROM news_vectors
    UNION ALL
    SELECT market_id, model, news_id, version, ticker FROM news_ticker_vectors
) named USING (market_id, model, news_id, version)
ORDER BY x.market_id, x.model, named.ticker, x.known_at, x.news_id, x.version;
CREATE INDEX news_codes_by_ticker ON news_codes (market_id, model, ticker, known_at) INCLUDE (news_id, version, code);
DROP TABLE news_ticker_vectors;
