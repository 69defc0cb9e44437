"""What happens to holdings at an opening, before anything trades: dividends, splits, and the end of delisted names."""

from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from uuid import UUID, uuid5

from tenthman.domain.market import SessionHours
from tenthman.domain.money import e4
from tenthman.exchange.composition import payout, resting_of
from tenthman.exchange.floor import Floor
from tenthman.exchange.holdings import Holdings
from tenthman.exchange.orders import DividendPayment
from tenthman.exchange.prices import PriceTape, quoted
from tenthman.exchange.replacing import split_change, successor


def pay_dividends(
    holdings: Holdings, prices: PriceTape, row: int, session: SessionHours, names: UUID
) -> list[DividendPayment]:
    """Pay what goes ex in `session`, which is row `row`, to who holds it; by symbol, in 1/10,000 USD."""
    paid = []
    for symbol, lot in sorted(holdings.lots.items()):
        per_share = prices.dividend(row, symbol)
        amount = quoted(e4(per_share * float(lot.quantity)))
        if amount <= 0:
            continue
        holdings.credit(amount)
        paid.append(
            DividendPayment(
                id=str(uuid5(names, f"dividend/{symbol}/{session.session}")),
                session=session.session,
                symbol=symbol,
                quantity=lot.quantity,
                per_share=Decimal(repr(per_share)),
                amount=amount,
                paid_at=session.open_at,
            )
        )
    return paid


def close_out(floor: Floor, prices: PriceTape, row: int, at: datetime) -> None:
    """Cancel the orders of names that will not trade again, and pay out what is held of them at the last close."""
    for resting in floor.book:
        if _has_ended(prices, row, resting.symbol):
            floor.withdraw(resting.id, at)
    for symbol, lot in sorted(floor.holdings.lots.items()):
        close = prices.last_close(row, symbol)
        if _has_ended(prices, row, symbol) and close is not None:
            order = payout(symbol, lot.quantity, at)
            floor.register.keep(order)
            resting = resting_of(order, floor.register.place(order.id))
            floor.execute(resting, quoted(e4(close)), lot.quantity, at, is_last=True)


def split_shares(floor: Floor, symbol: str, ratio: Fraction, at: datetime, price: Decimal | None = None) -> None:
    """Make `ratio` shares of each one held; plain limits that are good till cancelled are replaced at the new price.

    A reverse split (`ratio` below 1) cancels those, and all sells, which are of more than is held now. With a `price`
    (USD, of a new share) a part of a share is paid in cash.
    """
    floor.holdings.split(symbol, ratio)
    if price is not None:
        floor.holdings.pay_fraction(symbol, price)
    for order in floor.adjustable(symbol):
        if ratio > 1:
            change = split_change(order, ratio)
            floor.put_in_place(successor(order, change, at, order.expires_at), change, at)
        else:
            floor.withdraw(order.id, at)
    if ratio < 1:
        floor.withdraw_sells(symbol, at)


def _has_ended(prices: PriceTape, row: int, symbol: str) -> bool:
    ended = prices.ended(symbol)
    return ended is not None and ended <= row
