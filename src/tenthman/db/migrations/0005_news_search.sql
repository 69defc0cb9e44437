-- Migration 5: headlines found by meaning and by words; vectors of any width; what is known of each feed.

DROP INDEX embeddings_hnsw;
ALTER TABLE embeddings ALTER COLUMN vector TYPE vector;
ALTER TABLE embeddings ADD COLUMN dimensions integer NOT NULL GENERATED ALWAYS AS (vector_dims(vector)) STORED;

ALTER TABLE news_versions ADD COLUMN document tsvector NOT NULL
    GENERATED ALWAYS AS (to_tsvector('english', headline || ' ' || summary)) STORED;
CREATE INDEX news_versions_by_words ON news_versions USING gin (document);

CREATE TABLE news_vectors (
    market_id  text NOT NULL,
    model      text NOT NULL CHECK (model <> ''),
    news_id    text NOT NULL,
    version    integer NOT NULL,
    known_at   timestamptz NOT NULL,
    tickers    text[] NOT NULL,
    vector     halfvec NOT NULL,
    dimensions integer NOT NULL GENERATED ALWAYS AS (vector_dims(vector)) STORED,
    PRIMARY KEY (market_id, model, news_id, version),
    FOREIGN KEY (market_id, news_id, version) REFERENCES news_versions (market_id, news_id, version) ON DELETE CASCADE
);
CREATE INDEX news_vectors_by_known_at ON news_vectors (market_id, model, known_at);
CREATE INDEX news_vectors_by_ticker ON news_vectors USING gin (tickers);
CREATE INDEX news_vectors_384 ON news_vectors USING hnsw ((vector::halfvec(384)) halfvec_ip_ops) WHERE dimensions = 384;
CREATE INDEX news_vectors_768 ON news_vectors USING hnsw ((vector::halfvec(768)) halfvec_ip_ops) WHERE dimensions = 768;
CREATE INDEX news_vectors_1024 ON news_vectors USING hnsw ((vector::halfvec(1024)) halfvec_ip_ops) WHERE dimensions = 1024;

CREATE TABLE feeds (
    address       text PRIMARY KEY CHECK (address <> ''),
    home          text NOT NULL CHECK (home <> ''),
    etag          text,
    last_modified text,
    failures      integer NOT NULL CHECK (failures >= 0),
    resume_at     timestamptz,
    asked_at      timestamptz NOT NULL,
    spoke_at      timestamptz NOT NULL,
    alarmed_at    timestamptz,
    outcome       text NOT NULL CHECK (outcome <> '')
);
