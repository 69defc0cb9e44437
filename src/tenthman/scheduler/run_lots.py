"""The lots of a run: its executions, first in, first out, with the splits that its account went through."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from decimal import ROUND_DOWN, Decimal

from tenthman.db.pool import Pool, named_rows
from tenthman.db.sql import load_queries
from tenthman.domain.errors import DataCorrupt
from tenthman.domain.market import NEW_YORK
from tenthman.domain.order import Fill, Side
from tenthman.execution.lots import LotBook, lots_of

_SQL = load_queries("tenthman.scheduler", "run_lots.sql")

Booked = tuple[Fill, Decimal]
"""An execution and its regulatory fees (USD)."""

Split = tuple[datetime, str, Decimal]
"""Since when, which ticker, and how many shares there are for one before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenSplit:
    """A split that the market's record tells of, and what the account held when that day had been traded."""

    split: Split
    seen_at: datetime
    held: Decimal


def lots_of_run(pool: Pool, run_id: str) -> tuple[LotBook, dict[str, Decimal]]:
    """The lots as they stand, and the last price (USD) of what is held, as on record.

    A split counts where the account shows it: paper accounts are said not to apply every one.
    """
    fills = [_booked(row) for row in named_rows(pool, _SQL["fills"], {"run": run_id})]
    splits = shown_splits(fills, [_seen(row) for row in named_rows(pool, _SQL["splits"], {"run": run_id})])
    last = named_rows(pool, _SQL["last_prices"], {"run": run_id})
    holdings = last[0]["holdings"] if last else {}
    return lots_of(fills, splits), {ticker: Decimal(held["price"]) for ticker, held in holdings.items()}


def shown_splits(fills: Sequence[Booked], known: Sequence[SeenSplit]) -> list[Split]:
    """Those of the `known` splits after which the account held what only the split explains.

    That is all of it, or the whole shares of it: for a fraction cash may be paid.
    """
    shown: list[Split] = []
    for item in sorted(known, key=lambda item: item.split[0]):
        before = [booked for booked in fills if booked[0].filled_at <= item.seen_at]
        ticker = item.split[1]
        after = _held(before, [*shown, item.split], ticker)
        explained = after is not None and item.held in (after, after.to_integral_value(ROUND_DOWN))
        if explained and item.held != _held(before, shown, ticker):
            shown.append(item.split)
    return shown


def _held(fills: Sequence[Booked], splits: Sequence[Split], ticker: str) -> Decimal | None:
    """Shares that the executions leave; None where they sell more than that."""
    try:
        return lots_of([booked for booked in fills if booked[0].ticker == ticker], splits).quantity(ticker)
    except DataCorrupt:
        return None


def _booked(row: dict[str, object]) -> Booked:
    fees = row.pop("fees_usd")
    assert isinstance(fees, Decimal)
    return Fill(**{**row, "side": Side(row["side"])}), fees  # type: ignore[arg-type]  # columns are the fields


def _seen(row: dict[str, object]) -> SeenSplit:
    day, value, held, seen_at = row["ex_date"], row["value"], row["held"], row["seen_at"]
    assert isinstance(seen_at, datetime)
    since = datetime.combine(day, time(), NEW_YORK)  # type: ignore[arg-type]  # a date
    return SeenSplit(
        split=(since, str(row["ticker"]), Decimal(repr(value))),
        seen_at=seen_at,
        held=held if isinstance(held, Decimal) else Decimal(0),
    )
