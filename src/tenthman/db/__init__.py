"""PostgreSQL: the embedded server, the pool, the schema, named SQL, bulk copy and the audit chain."""
