"""PostgreSQL: the embedded server, the pool, the schema, named SQL, bulk copy, the audit chain; journals in files."""
