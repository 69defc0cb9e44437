"""What the committee took away and what became of it, and which committee has lost its veto by that."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg.types.json import Jsonb

from tenthman.db.sql import load_queries
from tenthman.domain.audit import EventKind
from tenthman.domain.canonical import plain
from tenthman.domain.checks import require_text
from tenthman.domain.order import TradingState
from tenthman.scheduler.record import CommitteeKey, Ending, Evidence, Sales, Shadow, by_ticker, worth_bp
from tenthman.scheduler.state.run import RunRecord

_SQL = load_queries("tenthman.scheduler.state", "committees.sql")


class CommitteeRecord(RunRecord):
    """Shadow positions of a run, and the standing of its committees."""

    def record_sell_signals(self, tickers: Sequence[str], at: datetime) -> None:
        """The model said SELL of these in a run of decisions; the first word on one counts."""
        with self._recording() as cursor:
            cursor.execute(_SQL["insert_sell_signals"], [self.run_id, at, list(tickers)])

    def sales(self) -> Sales:
        """When the desk would have sold what it held."""
        moved = self._rows(_SQL["latched"])
        return Sales(
            signals=by_ticker((at, tickers) for at, tickers in self._rows(_SQL["sell_signals"])),
            latched=tuple(at for at, _ in moved),
            sold_out=tuple(at for at, state in moved if state == TradingState.REDUCING.value),
        )

    def open_shadows(self) -> tuple[Shadow, ...]:
        """Shadow positions that have not ended, oldest first."""
        names = tuple(Shadow.__dataclass_fields__)
        return tuple(Shadow(**dict(zip(names, row, strict=True))) for row in self._rows(_SQL["open_shadows"]))

    def end_shadow(self, decision_id: str, ending: Ending, gained: Decimal, at: datetime) -> None:
        """A shadow position has ended, and brought `gained` after costs (USD); ended ones stay so."""
        change = [ending.entry, ending.exit, ending.session, ending.reason, gained, ending.fees, ending.dividends]
        with self._recording() as cursor:
            cursor.execute(_SQL["end_shadow"], [*change, self.run_id, decision_id])
            if cursor.rowcount != 1:
                raise ValueError(f"`decision_id` must be an open shadow, was {decision_id!r}")
            self._append(cursor, at, EventKind.RECONCILED, decision_id, {"shadow": ending, "gained_usd": gained})

    def committee_evidence(self) -> tuple[Evidence, ...]:
        """What ended shadow positions say of committees that bound, each since it was last reinstated.

        A paper or live account remembers its earlier runs; a rehearsal begins with a clean record.
        """
        return tuple(_evidence(row) for row in self._rows(_SQL["committee_evidence"]))

    def demoted_committees(self) -> frozenset[CommitteeKey]:
        """Committees that are advisory by their own record; a paper or live account remembers its earlier runs."""
        return frozenset(
            CommitteeKey(model=model, model_digest=digest, template_hash=template)
            for model, digest, template, standing in self._rows(_SQL["committee_standings"])
            if standing == "demoted"
        )

    def demote_committee(
        self, committee: CommitteeKey, reason: str, evidence: Mapping[str, object], at: datetime
    ) -> None:
        """A committee is advisory from now on; the audit trail holds an alert."""
        told = {"model": committee.model, "reason": reason, **evidence}
        self._set_standing(committee, "demoted", reason, evidence, "rule: demotion", at, ("committee demoted", told))

    def reinstate_committee(self, committee: CommitteeKey, reason: str, person: str, at: datetime) -> None:
        """What its examination says counts again; its record begins anew here. ValueError when it is not demoted."""
        require_text("reason", reason)
        require_text("person", person)
        if committee not in self.demoted_committees():
            raise ValueError(f"`committee` must be demoted, was {committee.model} {committee.model_digest[:12]}")
        told = {"model": committee.model, "reason": reason, "changed_by": person}
        self._set_standing(committee, "reinstated", reason, {}, person, at, ("committee reinstated", told))

    def _set_standing(
        self,
        committee: CommitteeKey,
        standing: str,
        reason: str,
        evidence: Mapping[str, object],
        changed_by: str,
        at: datetime,
        alert: tuple[str, object],
    ) -> None:
        who = [committee.model, committee.model_digest, committee.template_hash]
        how = [standing, reason, Jsonb(plain(evidence)), changed_by, at]
        with self._recording() as cursor:
            cursor.execute(_SQL["insert_committee_standing"], [self.run_id, *who, *how])
            self._append(cursor, at, EventKind.ALERT, *alert)


def _evidence(row: tuple[Any, ...]) -> Evidence:
    model, digest, template, session, size_fraction, *rest = row
    shadow = Shadow(**dict(zip(Shadow.__dataclass_fields__, rest, strict=False)))
    entry, left, left_session, reason, fees, dividends = rest[len(Shadow.__dataclass_fields__) :]
    ending = Ending(entry=entry, exit=left, session=left_session, reason=reason, fees=fees, dividends=dividends)
    return Evidence(
        committee=CommitteeKey(model=model, model_digest=digest, template_hash=template),
        decision_id=shadow.decision_id,
        session=session,
        worth_bp=worth_bp(size_fraction, shadow, ending),
    )
