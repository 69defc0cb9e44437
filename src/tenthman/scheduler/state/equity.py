"""The equity curve, and what the risk rules ask of the days before."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal

from psycopg.types.json import Jsonb

from tenthman.db.sql import load_queries
from tenthman.domain.audit import EventKind
from tenthman.domain.canonical import plain
from tenthman.domain.market import NEW_YORK
from tenthman.scheduler.record import LookBack
from tenthman.scheduler.state.run import Cursor, RunRecord

_SQL = load_queries("tenthman.scheduler.state", "equity.sql")


class EquityRecord(RunRecord):
    """The equity curve of a run."""

    def record_equity(
        self,
        at: datetime,
        session: date,
        equity: Decimal,
        cash: Decimal,
        day_start: Decimal,
        holdings: Mapping[str, tuple[Decimal, Decimal]],
    ) -> Decimal:
        """One point of the equity curve (USD), with quantity and price of each holding.

        Returns the peak: the highest equity since the run began or was last re-armed.
        """
        with self._recording() as cursor:
            peak = write_equity(cursor, self.run_id, at, session, equity, cash, day_start, holdings)
            payload = {"equity": equity, "cash": cash, "day_start": day_start, "peak": peak, "holdings": holdings}
            self._append(cursor, at, EventKind.RECONCILED, "equity", payload)
        return peak

    def settled_at(self) -> datetime | None:
        """Market time of the last point of the equity curve (aware UTC); None before the first."""
        row = self._row(_SQL["settled_at"])
        return None if row is None else row[0]

    def look_back(self, session: date) -> LookBack:
        """What the rules ask of the days before. ValueError before the first point of the equity curve."""
        asked = {"run": self.run_id, "session": session, "monday": session - timedelta(days=session.weekday())}
        with self._recording() as cursor:
            row = cursor.execute(_SQL["look_back"], asked).fetchone()
            stopped = cursor.execute(_SQL["last_stops"], [self.run_id]).fetchall()
        if row is None or row[0] is None:
            raise ValueError(f"equity of {session} must have been recorded for run {self.run_id}")
        days = {ticker: closed_at.astimezone(NEW_YORK).date() for ticker, closed_at in stopped}
        return LookBack(week_start=row[0], bought=row[1], stopped=days)

    def is_below_peak(self) -> bool:
        """Whether the last point of the equity curve lies below the peak."""
        row = self._row(_SQL["is_below_peak"])
        return row is not None and bool(row[0])


def write_equity(
    cursor: Cursor,
    run_id: str,
    at: datetime,
    session: date,
    equity: Decimal,
    cash: Decimal,
    day_start: Decimal,
    holdings: Mapping[str, tuple[Decimal, Decimal]],
) -> Decimal:
    """Write one point (USD) inside the transaction of `cursor`; the peak that it makes."""
    held = {
        ticker: {"quantity": plain(quantity), "price": plain(price)} for ticker, (quantity, price) in holdings.items()
    }
    point = {"run": run_id, "at": at, "session": session, "equity": equity, "cash": cash, "day_start": day_start}
    row = cursor.execute(_SQL["save_equity"], {**point, "positions": len(held), "holdings": Jsonb(held)}).fetchone()
    assert row is not None
    peak: Decimal = row[0]
    return peak
