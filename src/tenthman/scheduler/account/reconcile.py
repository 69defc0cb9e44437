"""Does the record of a run say the same as the broker's account, and what has the run earned by it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

from tenthman.db.pool import Pool
from tenthman.db.sql import load_queries
from tenthman.domain.broker import Broker, BrokerPosition
from tenthman.domain.errors import ConfigError
from tenthman.scheduler.outcomes.slippage import SlippageSum, read_fills, slippage_of, sum_up

_SQL = load_queries("tenthman.scheduler.account", "reconcile.sql")
_CENT = Decimal("0.01")


class PayingBroker(Broker, Protocol):
    """A broker that can tell what dividends it has paid."""

    def dividends_paid(self) -> Decimal: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that both sides know; quantities in shares, money in USD."""

    what: str
    record: Decimal
    broker: Decimal

    @property
    def agrees(self) -> bool:
        """Equal, to the cent and to the share."""
        return self.record == self.broker


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """Both sides, and profit in USD: realised after fees, unrealised at the broker's prices before them.

    `slippage`: what orders filled at against what they were decided by, by purpose and in all.
    """

    lines: tuple[Line, ...]
    realised: Decimal
    unrealised: Decimal
    dividends: Decimal
    fees: tuple[tuple[date, Decimal], ...]
    slippage: tuple[SlippageSum, ...]

    @property
    def agrees(self) -> bool:
        """Whether every line does."""
        return all(line.agrees for line in self.lines)


def reconcile(pool: Pool, run_id: str, broker: PayingBroker) -> Reconciliation:
    """Compare what the run has on record with the account as it is now; nothing is changed on either side.

    Cash is what the run began with, its fills and all dividends of the account: money moved by hand, holdings that the
    account had before, and anything else that trades it show as a difference. ConfigError for a run without a record.
    """
    begun_with = _one(pool, "first_cash", run_id)
    if begun_with is None:
        raise ConfigError(f"run {run_id} has nothing on record")
    dividends, positions = broker.dividends_paid(), broker.positions()
    held = {row[0]: (row[1], row[2]) for row in _rows(pool, "holdings", run_id)}
    cash = begun_with + _one(pool, "traded", run_id) + dividends
    return Reconciliation(
        lines=(
            Line(what="cash", record=cash, broker=broker.account().cash),
            Line(what="orders in doubt", record=_one(pool, "in_doubt", run_id), broker=Decimal(0)),
            _executions(pool, run_id, broker),
            *_holdings({ticker: quantity for ticker, (quantity, _) in held.items()}, positions),
        ),
        realised=_one(pool, "realised", run_id),
        unrealised=_unrealised(held, positions),
        dividends=dividends,
        fees=tuple((row[0], row[1]) for row in _rows(pool, "fees", run_id)),
        slippage=sum_up(slippage_of(read_fills(pool, run_id))),
    )


def _executions(pool: Pool, run_id: str, broker: Broker) -> Line:
    """How many executions of the run's orders each side has."""
    sent = {row[0] for row in _rows(pool, "sent", run_id)}
    theirs = sum(fill.broker_order_id in sent for fill in broker.fills(None))
    return Line(what="executions", record=Decimal(len(_rows(pool, "executions", run_id))), broker=Decimal(theirs))


def _holdings(held: dict[str, Decimal], positions: Sequence[BrokerPosition]) -> list[Line]:
    there = {item.ticker: item.quantity for item in positions}
    return [
        Line(what=f"shares of {ticker}", record=held.get(ticker, Decimal(0)), broker=there.get(ticker, Decimal(0)))
        for ticker in sorted(held.keys() | there.keys())
    ]


def _unrealised(held: dict[str, tuple[Decimal, Decimal]], positions: Sequence[BrokerPosition]) -> Decimal:
    prices = {item.ticker: item.current_price for item in positions}
    gains = [quantity * prices[ticker] - cost for ticker, (quantity, cost) in held.items() if ticker in prices]
    return sum(gains, Decimal(0)).quantize(_CENT)


def _rows(pool: Pool, query: str, run_id: str) -> list[tuple[Any, ...]]:
    with pool.connection() as connection:
        return connection.execute(_SQL[query], [run_id]).fetchall()


def _one(pool: Pool, query: str, run_id: str) -> Any:
    rows = _rows(pool, query, run_id)
    return rows[0][0] if rows else None
