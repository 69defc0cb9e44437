"""The latch: ACTIVE, REDUCING or HALTED, and who moved it."""

from datetime import datetime

from tenthman.db import audit
from tenthman.db.sql import load_queries
from tenthman.domain.audit import EventKind
from tenthman.domain.checks import require_text
from tenthman.domain.order import TradingState
from tenthman.risk.figures import STATES
from tenthman.scheduler.state.run import Cursor, RunRecord

_SQL = load_queries("tenthman.scheduler.state", "latch.sql")


class LatchRecord(RunRecord):
    """The trading state of a run."""

    def trading_state(self) -> TradingState:
        """The latch as it stands."""
        with self._recording() as cursor:
            return self._state(cursor)

    def idle_since(self) -> datetime:
        """When the account last held something, or the latch last moved, whichever is later (aware UTC)."""
        with self._recording() as cursor:
            row = cursor.execute(_SQL["idle_since"], [self.run_id, self.run_id]).fetchone()
        if row is None or row[0] is None:
            raise ValueError(f"run {self.run_id} must have been started")
        since: datetime = row[0]
        return since

    def _state(self, cursor: Cursor) -> TradingState:
        row = cursor.execute(_SQL["trading_state"], [self.run_id]).fetchone()
        if row is None:
            raise ValueError(f"run {self.run_id} must have been started")
        return TradingState(row[0])

    def set_trading_state(self, state: TradingState, reason: str, changed_by: str, at: datetime) -> bool:
        """Tighten the latch; False, and nothing moves, when it stands there already or more strictly.

        A person may halt at the instant at which a rule wants less. Only `rearm` loosens.
        """
        with self._recording() as cursor:
            cursor.execute(_SQL["lock_run"], [self.run_id])
            if STATES.index(state) <= STATES.index(self._state(cursor)):
                return False
            write_state(cursor, self.run_id, state, reason, changed_by, at)
        return True

    def rearm(self, reason: str, person: str, at: datetime) -> None:
        """Back to ACTIVE, by a person or a stated rule. The peak that drawdown is measured from begins anew here."""
        require_text("reason", reason)
        require_text("person", person)
        with self._recording() as cursor:
            cursor.execute(_SQL["lock_run"], [self.run_id])
            write_state(cursor, self.run_id, TradingState.ACTIVE, reason, person, at)


def initial_state(cursor: Cursor, account_id: str | None, world: str) -> tuple[TradingState, str]:
    """How a run of `account_id` begins, and why: a paper or live account goes on as its last run left it."""
    row = cursor.execute(_SQL["inherited_state"], [account_id, world]).fetchone()
    if row is None or row[0] == TradingState.ACTIVE.value:
        return TradingState.ACTIVE, "run started"
    return TradingState(row[0]), f"as the account's last run left it: {row[1]}"


def write_state(cursor: Cursor, run_id: str, state: TradingState, reason: str, changed_by: str, at: datetime) -> None:
    """Move the latch, inside the transaction of `cursor`."""
    cursor.execute(_SQL["insert_trading_state"], [run_id, state.value, reason, changed_by, at])
    payload = {"reason": reason, "changed_by": changed_by}
    audit.append(cursor, run_id, at, EventKind.STATE_CHANGED, state.value, payload)
