-- Migration 21: a graph of the headlines' vectors with more links, so that fewer nodes need be looked at for the same answers.

SET LOCAL maintenance_work_mem = '256MB';
DROP INDEX news_vectors_384, news_vectors_768, news_vectors_1024;
CREATE INDEX news_vectors_384 ON news_vectors USING hnsw ((vector::halfvec(384)) halfvec_ip_ops)
    WITH (m = 24, ef_construction = 200) WHERE dimensions = 384;
CREATE INDEX news_vectors_768 ON news_vectors USING hnsw ((vector::halfvec(768)) halfvec_ip_ops)
    WITH (m = 24, ef_construction = 200) WHERE dimensions = 768;
CREATE INDEX news_vectors_1024 ON news_vectors USING hnsw ((vector::halfvec(1024)) halfvec_ip_ops)
    WITH (m = 24, ef_construction = 200) WHERE dimensions = 1024;
