"""Splits and new names of what a run holds, and the parts of a share that were paid in cash."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from tenthman.db.sql import load_queries
from tenthman.domain.audit import EventKind
from tenthman.domain.order import Fill
from tenthman.domain.shares import ShareChange
from tenthman.scheduler.state.run import Cursor
from tenthman.scheduler.state.share_changes import cash_of, fill_of_fraction, group_of
from tenthman.scheduler.state.trades import TradeRecord

_SQL = load_queries("tenthman.scheduler.state", "shares.sql")


class ShareRecord(TradeRecord):
    """What became of the shares of a run without anybody trading them."""

    def share_changes(self) -> tuple[ShareChange, ...]:
        """Splits and new names that are on record, in order of time."""
        with self._recording() as cursor:
            return self._share_changes(cursor)

    def record_share_change(self, change: ShareChange, fraction: Decimal, paid: Decimal, at: datetime) -> None:
        """The account shows `change`: trades follow it, once however often it is told.

        The `fraction` of a share that it leaves (may be none) is sold by an entry of its own for `paid` USD.
        """
        rates = [change.ratio.numerator, change.ratio.denominator]
        with self._recording() as cursor:
            row = [self.run_id, change.ticker, change.on, change.becomes, *rates, at]
            cursor.execute(_SQL["insert_share_change"], row)
            if cursor.rowcount == 0:
                return
            changes = self._share_changes(cursor)
            group = group_of(change.ticker, changes)
            if fraction > 0:
                self._enter_fraction(cursor, group, fill_of_fraction(change, fraction, paid), at)
            self._rebuild(cursor, group, changes)
            told = {"change": change.text, "fraction": fraction, "paid_usd": paid}
            self._append(cursor, at, EventKind.RECONCILED, f"shares of {change.ticker}", told)

    def _enter_fraction(self, cursor: Cursor, group: Iterable[str], fill: Fill, at: datetime) -> None:
        """A row of its own, under the decision of the oldest trade that it belongs to."""
        row = cursor.execute(_SQL["trade_of"], [self.run_id, sorted(group)]).fetchone()
        if row is None:
            return
        what = {"run": self.run_id, "order": fill.broker_order_id, "decision": row[0], "ticker": fill.ticker}
        how = {"quantity": fill.quantity, "price": fill.price, "filled_at": fill.filled_at, "at": at}
        cursor.execute(_SQL["insert_fraction"], {**what, **how})

    def expected_cash(self, fresh: Sequence[Fill]) -> Decimal | None:
        """Cash at the last point of the equity curve, and what executions since made of it (USD); None before one."""
        row = self._row(_SQL["cash_since"])
        if row is None:
            return None
        at, cash = row
        return Decimal(cash) + sum((cash_of(fill) for fill in fresh if fill.filled_at > at), Decimal(0))
