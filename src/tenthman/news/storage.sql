-- name: stage
CREATE TEMP TABLE incoming_news (
    id             text NOT NULL,
    source         text NOT NULL,
    url            text NOT NULL,
    headline       text NOT NULL,
    summary        text NOT NULL,
    published_at   timestamptz NOT NULL,
    known_at       timestamptz NOT NULL,
    precision      text NOT NULL,
    source_tickers text[] NOT NULL,
    tickers        text[] NOT NULL,
    weight         double precision NOT NULL,
    sentiment      double precision NOT NULL
) ON COMMIT DROP;

-- name: copy_in
COPY incoming_news (id, source, url, headline, summary, published_at, known_at, precision, source_tickers, tickers,
                    weight, sentiment)
FROM STDIN;

-- name: analyse
ANALYZE incoming_news;

-- name: analyse_all
ANALYZE news, news_versions;

-- name: add_articles
INSERT INTO news (market_id, id, source, url)
SELECT %(market_id)s, id, source, url FROM incoming_news
ON CONFLICT (market_id, id) DO NOTHING;

-- name: hold_links
SELECT pg_advisory_xact_lock(hashtextextended('news links of ' || %(market_id)s, 0));

-- name: relink
UPDATE news_versions v
SET tickers = i.tickers, weight = i.weight, sentiment = i.sentiment
FROM incoming_news i
WHERE v.market_id = %(market_id)s AND v.news_id = i.id AND v.headline = i.headline AND v.summary = i.summary
  AND (v.tickers, v.weight, v.sentiment) IS DISTINCT FROM (i.tickers, i.weight, i.sentiment);

-- name: unlink_vectors
DELETE FROM news_codes c
USING incoming_news i, news_versions v, news_vectors x, news_shelves s
WHERE v.market_id = %(market_id)s AND v.news_id = i.id
  AND x.market_id = v.market_id AND x.news_id = v.news_id AND x.version = v.version
  AND c.vector = x.number AND s.number = c.shelf AND s.ticker <> ALL (array_append(v.tickers, ''));

-- name: open_shelves
INSERT INTO news_shelves (market_id, model, ticker)
SELECT DISTINCT x.market_id, x.model, named.ticker
FROM incoming_news i
JOIN news_versions v ON v.market_id = %(market_id)s AND v.news_id = i.id
JOIN news_vectors x ON x.market_id = v.market_id AND x.news_id = v.news_id AND x.version = v.version,
unnest(v.tickers) AS named (ticker)
WHERE NOT EXISTS (
    SELECT 1 FROM news_shelves s WHERE (s.market_id, s.model, s.ticker) = (x.market_id, x.model, named.ticker)
)
-- two who open the same ones wait for each other
ORDER BY x.model, named.ticker
ON CONFLICT (market_id, model, ticker) DO NOTHING;

-- name: link_vectors
INSERT INTO news_codes (shelf, known_at, vector, code)
SELECT s.number, x.known_at, x.number, news_code(x.vector)
FROM incoming_news i
JOIN news_versions v ON v.market_id = %(market_id)s AND v.news_id = i.id
JOIN news_vectors x ON x.market_id = v.market_id AND x.news_id = v.news_id AND x.version = v.version
JOIN news_shelves s ON s.market_id = x.market_id AND s.model = x.model AND s.ticker = ANY (v.tickers)
WHERE NOT EXISTS (SELECT 1 FROM news_codes c WHERE c.vector = x.number AND c.shelf = s.number)
ON CONFLICT (vector, shelf) DO NOTHING;

-- name: add_versions
WITH standing AS (
    -- the text that stood when the new one came to be known; failing that, the first that was ever seen
    SELECT DISTINCT ON (i.id) i.id, v.headline, v.summary
    FROM incoming_news i
    JOIN news_versions v ON v.market_id = %(market_id)s AND v.news_id = i.id
    ORDER BY i.id, (v.known_at <= i.known_at) DESC,
             CASE WHEN v.known_at <= i.known_at THEN v.known_at END DESC,
             v.known_at, v.version DESC
),
newest AS (
    SELECT news_id AS id, max(version) AS version FROM news_versions WHERE market_id = %(market_id)s GROUP BY news_id
)
INSERT INTO news_versions (market_id, news_id, version, headline, summary, published_at, known_at, precision,
                           source_tickers, tickers, weight, sentiment)
SELECT %(market_id)s, i.id, 1 + coalesce(newest.version, 0), i.headline, i.summary, i.published_at, i.known_at,
       i.precision, i.source_tickers, i.tickers, i.weight, i.sentiment
FROM incoming_news i
LEFT JOIN standing USING (id)
LEFT JOIN newest USING (id)
WHERE (standing.headline, standing.summary) IS DISTINCT FROM (i.headline, i.summary);

-- name: load
SELECT v.news_id, v.headline, v.summary, n.source, n.url, v.published_at, v.known_at, v.precision, v.source_tickers,
       v.tickers, v.weight, v.sentiment
FROM (
    SELECT DISTINCT ON (news_id) * FROM news_versions
    WHERE market_id = %(market_id)s AND (%(until)s::timestamptz IS NULL OR known_at <= %(until)s)
    ORDER BY news_id, known_at DESC, version DESC
) v
JOIN news n ON n.market_id = %(market_id)s AND n.id = v.news_id
ORDER BY v.known_at, v.news_id COLLATE "C";

-- name: known_ids
SELECT id FROM news WHERE market_id = %s AND id = ANY(%s);

-- name: size
SELECT count(*) FROM news WHERE market_id = %s;

-- name: find_vectors
SELECT text_hash, vector::real[] FROM embeddings WHERE model = %(model)s AND text_hash = ANY(%(hashes)s);

-- name: add_vector
INSERT INTO embeddings (text_hash, model, vector) VALUES (%s, %s, %s::real[]::vector)
ON CONFLICT (text_hash, model) DO NOTHING;

-- name: word_ranks
SELECT ts_rank(to_tsvector('english', told.text), replace(plainto_tsquery('english', %(question)s)::text, ' & ', ' | ')::tsquery)
FROM unnest(%(texts)s::text[]) WITH ORDINALITY AS told (text, place)
ORDER BY told.place;
