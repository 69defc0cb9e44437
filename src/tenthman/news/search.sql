-- name: missing_count
SELECT count(*) FROM news_versions v
WHERE v.market_id = %(market_id)s AND NOT EXISTS (
    SELECT 1 FROM news_vectors x
    WHERE x.market_id = v.market_id AND x.model = %(model)s AND x.news_id = v.news_id AND x.version = v.version
);

-- name: missing
SELECT v.news_id, v.version, v.headline FROM news_versions v
WHERE v.market_id = %(market_id)s AND NOT EXISTS (
    SELECT 1 FROM news_vectors x
    WHERE x.market_id = v.market_id AND x.model = %(model)s AND x.news_id = v.news_id AND x.version = v.version
)
ORDER BY v.known_at DESC, v.news_id, v.version
LIMIT %(limit)s;

-- name: stage
CREATE TEMP TABLE incoming_vectors (news_id text NOT NULL, version integer NOT NULL, vector vector NOT NULL)
ON COMMIT DROP;

-- name: copy_in
COPY incoming_vectors (news_id, version, vector) FROM STDIN WITH (FORMAT BINARY);

-- name: add
INSERT INTO news_vectors (market_id, model, news_id, version, known_at, tickers, vector)
SELECT v.market_id, %(model)s, v.news_id, v.version, v.known_at, v.tickers, i.vector::halfvec
FROM incoming_vectors i
JOIN news_versions v ON v.market_id = %(market_id)s AND v.news_id = i.news_id AND v.version = i.version
ON CONFLICT (market_id, model, news_id, version) DO NOTHING;

-- name: eligible
SELECT count(*) FROM (
    SELECT 1 FROM news_vectors
    WHERE market_id = %(market_id)s AND model = %(model)s AND known_at <= %(as_of)s {narrowed}
    LIMIT %(enough)s
) found;

-- name: nearest_of_all
SELECT news_id, version FROM news_vectors
WHERE market_id = %(market_id)s AND model = %(model)s AND known_at <= %(as_of)s {narrowed}
ORDER BY vector <#> %(vector)s::vector::halfvec, news_id, version
LIMIT %(depth)s;

-- name: nearest_by_index
SELECT news_id, version FROM news_vectors
WHERE market_id = %(market_id)s AND model = %(model)s AND known_at <= %(as_of)s AND dimensions = {dimensions} {narrowed}
ORDER BY vector::halfvec({dimensions}) <#> %(vector)s::vector::halfvec({dimensions})
LIMIT %(depth)s;

-- name: lexemes
SELECT plainto_tsquery('english', %(text)s)::text;

-- name: matching
WITH newest AS MATERIALIZED (
    SELECT news_id, version, known_at, document FROM news_versions
    WHERE market_id = %(market_id)s AND known_at <= %(as_of)s AND document @@ %(query)s::tsquery {narrowed}
    ORDER BY known_at DESC
    LIMIT %(newest)s
)
SELECT news_id, version FROM newest
ORDER BY ts_rank(document, %(query)s::tsquery) DESC, known_at DESC, news_id, version
LIMIT %(depth)s;

-- name: fetch
SELECT v.news_id, v.headline, v.summary, n.source, n.url, v.published_at, v.known_at, v.precision, v.source_tickers,
       v.tickers, v.weight, v.sentiment, v.version, vector_send(x.vector::vector)
FROM unnest(%(ids)s::text[], %(versions)s::integer[]) AS wanted (news_id, version)
JOIN news_versions v ON v.market_id = %(market_id)s AND v.news_id = wanted.news_id AND v.version = wanted.version
JOIN news n ON n.market_id = v.market_id AND n.id = v.news_id
LEFT JOIN news_vectors x
    ON x.market_id = v.market_id AND x.model = %(model)s AND x.news_id = v.news_id AND x.version = v.version
WHERE NOT EXISTS (
    SELECT 1 FROM news_versions later
    WHERE later.market_id = v.market_id AND later.news_id = v.news_id AND later.known_at <= %(as_of)s
      AND (later.known_at, later.version) > (v.known_at, v.version)
);
