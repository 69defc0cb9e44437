-- name: load
SELECT address, home, etag, last_modified, failures, resume_at, asked_at, spoke_at, alarmed_at, outcome
FROM feeds WHERE address = ANY(%s);

-- name: save
INSERT INTO feeds (address, home, etag, last_modified, failures, resume_at, asked_at, spoke_at, alarmed_at, outcome)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (address) DO UPDATE SET
    home = excluded.home, etag = excluded.etag, last_modified = excluded.last_modified, failures = excluded.failures,
    resume_at = excluded.resume_at, asked_at = excluded.asked_at, spoke_at = excluded.spoke_at,
    alarmed_at = excluded.alarmed_at, outcome = excluded.outcome;
