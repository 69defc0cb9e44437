"""A holding that the broker took away and paid for, as in a take-over for cash, entered by a person."""

from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Protocol

from tenthman.domain.broker import BrokerPosition
from tenthman.domain.errors import ConfigError
from tenthman.domain.market import NEW_YORK
from tenthman.domain.order import Fill, Side, payout_order_id
from tenthman.scheduler.state.ledger import Ledger

ENTERED = "paid-out"
"""How the execution is called that stands for it; no broker has it."""


class Holds(Protocol):
    """Whoever knows what the account holds."""

    def positions(self) -> Sequence[BrokerPosition]: ...


def enter_payout(ledger: Ledger, broker: Holds, ticker: str, on: date, price: Decimal, at: datetime) -> Decimal:
    """Close what the record holds of `ticker`, paid out at `price` (USD a share) on the day `on`; how many shares.

    ConfigError when the record holds none, the account holds some, or the day is not between the entry and `at`.
    """
    held = ledger.holdings(at).get(ticker)
    if held is None or not held.quantity:
        raise ConfigError(f"`ticker` must be held by the record, was {ticker}")
    there = next((item.quantity for item in broker.positions() if item.ticker == ticker), Decimal(0))
    if there:
        raise ConfigError(f"the account must hold no {ticker} any more, it holds {there}")
    if not price > 0:
        raise ConfigError(f"`--price` must be above 0, was {price}")
    opened, today = (instant.astimezone(NEW_YORK).date() for instant in (held.opened_at, at))
    if not opened < on <= today:
        raise ConfigError(f"`--on` must be after the entry on {opened} and not after {today}, was {on}")
    fill = Fill(
        execution_id=f"{ENTERED}-{ticker}-{on}",
        broker_order_id=payout_order_id(ticker),
        ticker=ticker,
        side=Side.SELL,
        quantity=held.quantity,
        price=price,
        filled_at=datetime.combine(on, time(), NEW_YORK),
    )
    ledger.record_fills([fill], {}, at)
    return held.quantity
