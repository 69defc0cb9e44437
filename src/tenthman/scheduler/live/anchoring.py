"""The record held against what was noted of it outside the database, at a glance, before it is relied on."""

from collections.abc import Callable
from datetime import datetime

from tenthman.config import Config
from tenthman.db.anchors import ANCHORS, read_anchors
from tenthman.db.audit import misfit
from tenthman.db.pool import Pool
from tenthman.domain.audit import EventKind
from tenthman.scheduler.state.ledger import Ledger


def missing_from_chain(config: Config, pool: Pool) -> str | None:
    """What the audit chain lacks of its anchors in this home; None where it holds them, or there are none.

    Only links are looked up: `tenthman audit verify` computes every hash. Raises OSError when the file cannot be read.
    """
    anchors = read_anchors(config.home / ANCHORS)
    return None if anchors is None else misfit(pool, anchors.held)


def warn_of_misfit(config: Config, pool: Pool, ledger: Ledger, at: datetime, say: Callable[[str], None]) -> None:
    """Put what the chain lacks on record as an alert, and say it: a desk that has holdings to look after goes on."""
    try:
        found = missing_from_chain(config, pool)
    except OSError as error:
        found = f"{config.home / ANCHORS}: the anchors cannot be read: {error.strerror}"
    if found is not None:
        ledger.event(EventKind.ALERT, "chain does not fit its anchors", {"cause": found}, at)
        say(f"{found}; see docs/runbook.md")
