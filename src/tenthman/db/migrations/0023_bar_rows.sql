-- Migration 23: bars lie in the one partition of their table. The triggers of `bars` keep all rows of a statement until
-- its end; what is loaded into the partition itself, under a fetch made in the same transaction, needs no such look.

ALTER TABLE bars RENAME TO bar_rows;
ALTER TABLE bar_rows RENAME CONSTRAINT bars_pkey TO bar_rows_pkey;
DROP TRIGGER bars_have_a_market_when_inserted ON bar_rows;
DROP TRIGGER bars_have_a_market_when_updated ON bar_rows;
CREATE TABLE bars (LIKE bar_rows INCLUDING CONSTRAINTS, PRIMARY KEY (market_id, ticker, session))
    PARTITION BY LIST (market_id);
ALTER TABLE bars ATTACH PARTITION bar_rows DEFAULT;
CREATE TRIGGER bars_have_a_market_when_inserted AFTER INSERT ON bars REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION require_market_of_bars();
CREATE TRIGGER bars_have_a_market_when_updated AFTER UPDATE ON bars REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION require_market_of_bars();
