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
CREATE TEMP TABLE incoming_vectors (news_id text NOT NULL, version integer NOT NULL, vector halfvec NOT NULL)
ON COMMIT DROP;

-- name: copy_in
COPY incoming_vectors (news_id, version, vector) FROM STDIN WITH (FORMAT BINARY);

-- name: share_links
SELECT pg_advisory_xact_lock_shared(hashtextextended('news links of ' || %(market_id)s, 0));

-- name: open_shelves
INSERT INTO news_shelves (market_id, model, ticker)
SELECT DISTINCT v.market_id, %(model)s, named.ticker
FROM incoming_vectors i
JOIN news_versions v ON v.market_id = %(market_id)s AND v.news_id = i.news_id AND v.version = i.version,
unnest(array_append(v.tickers, '')) AS named (ticker)
WHERE NOT EXISTS (
    SELECT 1 FROM news_shelves s WHERE (s.market_id, s.model, s.ticker) = (v.market_id, %(model)s, named.ticker)
)
-- two who open the same ones wait for each other
ORDER BY named.ticker
ON CONFLICT (market_id, model, ticker) DO NOTHING;

-- name: add
WITH added AS (
    INSERT INTO news_vectors (market_id, model, news_id, version, known_at, vector)
    SELECT v.market_id, %(model)s, v.news_id, v.version, v.known_at, i.vector
    FROM incoming_vectors i
    JOIN news_versions v ON v.market_id = %(market_id)s AND v.news_id = i.news_id AND v.version = i.version
    -- two who add the same ones wait for each other, and never both at once
    ORDER BY i.news_id, i.version
    ON CONFLICT (market_id, model, news_id, version) DO NOTHING
    RETURNING market_id, model, news_id, version, known_at, number, news_code(vector) AS code
)
INSERT INTO news_codes (shelf, known_at, vector, code)
SELECT s.number, a.known_at, a.number, a.code
FROM added a
JOIN news_versions v USING (market_id, news_id, version)
JOIN news_shelves s ON s.market_id = a.market_id AND s.model = a.model AND s.ticker = ANY (array_append(v.tickers, ''));

-- name: pack
REINDEX INDEX news_codes_by_shelf;

-- name: tidy
VACUUM (ANALYZE) news, news_versions, news_vectors, news_shelves, news_codes;

-- name: known_after
SELECT known_at FROM news_vectors
WHERE market_id = %(market_id)s AND model = %(model)s
ORDER BY known_at
LIMIT 1 OFFSET least(
    %(few)s, (SELECT greatest(%(least)s, reltuples * %(share)s) FROM pg_class WHERE oid = 'news_vectors'::regclass)
)::bigint;

-- name: nearest_by_code
WITH candidates AS NOT MATERIALIZED (
    SELECT (code <~> (SELECT news_code(%(vector)b)))::bigint AS away, vector FROM news_codes
    WHERE known_at <= %(as_of)s AND shelf = ANY (ARRAY(
        SELECT number FROM news_shelves
        WHERE market_id = %(market_id)s AND model = %(model)s AND ticker = ANY (%(among)s)
    ))
),
coded AS MATERIALIZED (
    -- The bits that differ before the number of the vector, in one number: sorting copies no rows then.
    SELECT away << 40 | vector AS place FROM candidates
    ORDER BY place
    LIMIT %(codes)s
),
distinctly AS MATERIALIZED (SELECT DISTINCT place FROM coded ORDER BY place LIMIT %(compared)s),
ends AS MATERIALIZED (
    SELECT max(place >> 40) AS farthest,
           count(*) < %(compared)s AND (SELECT count(*) FROM coded) < %(codes)s AS are_all
    FROM distinctly
),
-- A limit cuts those at the last distance by the order in which they were stored: none of them counts, or, where those
-- that are nearer are too few, every one that lies there.
near AS MATERIALIZED (
    SELECT place & ((1::bigint << 40) - 1) AS vector FROM ends, distinctly WHERE place >> 40 < farthest OR are_all
),
chosen AS (
    SELECT vector FROM near
    UNION
    SELECT vector FROM candidates
    WHERE (SELECT NOT are_all FROM ends) AND (SELECT count(*) FROM near) < %(depth)s
      AND away = (SELECT farthest FROM ends)
)
SELECT x.news_id, x.version
-- OFFSET 0: each is looked up by its number, for the planner cannot know how few are chosen
FROM chosen,
LATERAL (SELECT v.news_id, v.version, v.vector FROM news_vectors v WHERE v.number = chosen.vector OFFSET 0) x
ORDER BY x.vector <#> %(vector)b, x.news_id, x.version
LIMIT %(depth)s;

-- name: walk
SELECT set_config('hnsw.ef_search', %(in_view)s, true), set_config('hnsw.iterative_scan', 'relaxed_order', true);

-- name: nearest_by_index
WITH near AS MATERIALIZED (
    -- a scan that goes on comes back with nearer ones too: in strict order they would be dropped
    SELECT news_id, version, vector::halfvec({dimensions}) <#> %(vector)b::halfvec({dimensions}) AS away
    FROM news_vectors
    WHERE market_id = %(market_id)s AND model = %(model)s AND known_at <= %(as_of)s AND dimensions = {dimensions}
    ORDER BY vector::halfvec({dimensions}) <#> %(vector)b::halfvec({dimensions})
    LIMIT %(depth)s
)
SELECT news_id, version FROM near ORDER BY away, news_id, version;

-- name: matching
WITH all_words AS (
    SELECT news_id, version, known_at, ts_rank(document, {every}) AS rank FROM (
        SELECT news_id, version, known_at, document FROM news_versions
        WHERE market_id = %(market_id)s AND known_at <= %(as_of)s AND document @@ {every} {narrowed}
        ORDER BY known_at DESC, news_id, version
        LIMIT %(newest)s
    ) newest
    ORDER BY rank DESC, known_at DESC, news_id, version
    LIMIT %(depth)s
),
any_words AS (
    SELECT news_id, version, known_at, ts_rank(document, {either}) AS rank FROM (
        SELECT news_id, version, known_at, document FROM news_versions
        WHERE market_id = %(market_id)s AND known_at <= %(as_of)s AND document @@ {either} {narrowed}
          AND (SELECT count(*) FROM all_words) < %(limit)s
        ORDER BY known_at DESC, news_id, version
        LIMIT %(newest)s
    ) newest
    ORDER BY rank DESC, known_at DESC, news_id, version
    LIMIT %(depth)s
)
SELECT news_id, version, 1 AS turn, rank, known_at FROM all_words
UNION ALL
SELECT news_id, version, 2, rank, known_at FROM any_words
ORDER BY turn, rank DESC, known_at DESC, news_id, version;

-- name: fetch
SELECT v.news_id, v.headline, v.summary, n.source, n.url, v.published_at, v.known_at, v.precision, v.source_tickers,
       v.tickers, v.weight, v.sentiment, v.version, halfvec_send(x.vector)
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
