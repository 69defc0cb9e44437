-- Migration 3: orders by which the exchange itself pays out a delisted holding.

ALTER TABLE orders DROP CONSTRAINT orders_purpose_check;
ALTER TABLE orders ADD CONSTRAINT orders_purpose_check
    CHECK (purpose IN ('entry', 'exit', 'target', 'stop', 'delisted'));
