"""The lots of a run: its executions, first in, first out, with the splits that its account went through."""

from decimal import Decimal

from tenthman.db.pool import Pool, named_rows
from tenthman.db.sql import load_queries
from tenthman.domain.order import Fill, Side
from tenthman.execution.lots import LotBook, lots_of
from tenthman.scheduler.state.ledger import Ledger

_SQL = load_queries("tenthman.scheduler.account", "run_lots.sql")

Booked = tuple[Fill, Decimal]
"""An execution and its regulatory fees (USD)."""


def lots_of_run(pool: Pool, run_id: str) -> tuple[LotBook, dict[str, Decimal]]:
    """The lots as they stand, and the last price (USD) of what is held, as on record.

    Splits and new names are those that the desk entered, which are those that its account showed.
    """
    fills = [_booked(row) for row in named_rows(pool, _SQL["fills"], {"run": run_id})]
    last = named_rows(pool, _SQL["last_prices"], {"run": run_id})
    holdings = last[0]["holdings"] if last else {}
    book = lots_of(fills, Ledger.attach(pool, run_id).share_changes())
    return book, {ticker: Decimal(held["price"]) for ticker, held in holdings.items()}


def _booked(row: dict[str, object]) -> Booked:
    fees = row.pop("fees_usd")
    assert isinstance(fees, Decimal)
    return Fill(**{**row, "side": Side(row["side"])}), fees  # type: ignore[arg-type]  # columns are the fields
