"""Decisions and audit events: what is written before anything is done."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum

from tenthman.domain.canonical import content_hash
from tenthman.domain.opinion import Critique, Signal, Verdict
from tenthman.domain.order import Denial, SizedOrder

GENESIS_HASH = "0" * 64

_OWN_ENTRY = re.compile(r"tm-(\d{8})-(?:mo|af|ch\d{4})-.+-[0-9a-f]{10}-entry", re.DOTALL)


class Slot(Enum):
    """When in a session a decision is made: two full runs, and intraday checks, which only close positions."""

    MORNING = "morning"
    AFTERNOON = "afternoon"
    CHECK = "check"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunKey:
    """What a run's decisions depend on besides the world: equal keys on equal data give equal decisions."""

    config_hash: str
    model_version: str
    data_hash: str

    @property
    def hash(self) -> str:
        """SHA-256 of the key."""
        return content_hash(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One candidate or holding decided once. `outcome` is None when nothing is to be sent.

    `shadow` is the order that would have been sent but for a veto or a shrink: it lives on as a shadow position.
    """

    id: str
    session: date
    slot: Slot
    as_of: datetime
    ticker: str
    case_hash: str | None
    signal: Signal | None
    critiques: tuple[Critique, ...]
    verdict: Verdict
    outcome: SizedOrder | Denial | None
    shadow: SizedOrder | None
    config_hash: str
    model_version: str


def decision_id(session: date, slot: Slot, ticker: str, config_hash: str, model_version: str, as_of: datetime) -> str:
    """The same question asked under the same configuration has the same id in every run.

    A session has one morning and one afternoon run but many checks, so a check's id carries its time (UTC).
    """
    digest = content_hash([session, slot, ticker, config_hash, model_version])[:10]
    when = f"{as_of.astimezone(UTC):%H%M}" if slot is Slot.CHECK else ""
    return f"{session:%Y%m%d}-{slot.value[:2]}{when}-{ticker}-{digest}"


def client_order_id(decision: str, purpose: str) -> str:
    """Derived from the decision, so a second submission of it is a duplicate at the broker, never a second order."""
    return f"tm-{decision}-{purpose}"


def session_of_entry(name: str) -> date | None:
    """The session for which a desk of ours sent the entry of this client order id: no record has to be asked.

    None for any other order.
    """
    found = _OWN_ENTRY.fullmatch(name)
    try:
        return None if found is None else date.fromisoformat(found[1])
    except ValueError:
        return None


def is_own_entry(name: str) -> bool:
    """Whether an order of this client order id is an entry that a desk of ours sent."""
    return session_of_entry(name) is not None


class EventKind(Enum):
    """What an audit event records."""

    RUN_STARTED = "run_started"
    RUN_FINISHED = "run_finished"
    RUN_INTERRUPTED = "run_interrupted"
    CYCLE_STARTED = "cycle_started"
    CYCLE_FINISHED = "cycle_finished"
    DECISION = "decision"
    ORDER_INTENT = "order_intent"
    ORDER_OUTCOME = "order_outcome"
    CANCEL_REQUESTED = "cancel_requested"
    FILL = "fill"
    STATE_CHANGED = "state_changed"
    RECONCILED = "reconciled"
    ALERT = "alert"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """One link of the chain: `hash` covers `previous_hash` and everything else."""

    sequence: int
    run_id: str
    at: datetime
    kind: EventKind
    subject: str
    payload_json: str
    previous_hash: str
    hash: str


def chain_hash(
    previous_hash: str, sequence: int, run_id: str, at: datetime, kind: EventKind, subject: str, payload_json: str
) -> str:
    """Hash of one audit event; changing any stored field, or removing or inserting an event, breaks the chain."""
    return content_hash([previous_hash, sequence, run_id, at.timestamp(), kind, subject, payload_json])
