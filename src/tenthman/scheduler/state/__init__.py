"""The record of one run. Everything is in PostgreSQL; each change is committed together with its audit event."""
