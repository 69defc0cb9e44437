"""The record of one run. Everything is in PostgreSQL; each change is committed together with its audit event."""

from tenthman.scheduler.state.ledger import Interrupted, Ledger, newest_run

__all__ = ["Interrupted", "Ledger", "newest_run"]
