-- Migration 11: a better graph of the headlines' vectors, so that filtered searches miss fewer.

DROP INDEX news_vectors_384, news_vectors_768, news_vectors_1024;
CREATE INDEX news_vectors_384 ON news_vectors USING hnsw ((vector::halfvec(384)) halfvec_ip_ops)
    WITH (m = 16, ef_construction = 128) WHERE dimensions = 384;
CREATE INDEX news_vectors_768 ON news_vectors USING hnsw ((vector::halfvec(768)) halfvec_ip_ops)
    WITH (m = 16, ef_construction = 128) WHERE dimensions = 768;
CREATE INDEX news_vectors_1024 ON news_vectors USING hnsw ((vector::halfvec(1024)) halfvec_ip_ops)
    WITH (m = 16, ef_construction = 128) WHERE dimensions = 1024;
