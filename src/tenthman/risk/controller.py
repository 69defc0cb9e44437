"""The controller: runs every rule in order, records each with what it saw, and says which one bound.

Rules only shrink. Exits are never blocked by limits on entries.
"""

from dataclasses import replace
from decimal import Decimal

from tenthman.domain.audit import client_order_id
from tenthman.domain.findings import Check
from tenthman.domain.money import floor_e4, usd
from tenthman.domain.opinion import Proposal
from tenthman.domain.order import Denial, OrderType, Position, Purpose, Side, SizedOrder, TimeInForce
from tenthman.risk.constraints import Candidate, caps, gates, totals_of
from tenthman.risk.figures import BookFigures
from tenthman.risk.limits import CAPS, GATES
from tenthman.risk.record import Record
from tenthman.risk.sizing import whole_shares


def assess(
    proposal: Proposal, candidate: Candidate, book: BookFigures, decision_id: str, entries_so_far: int
) -> SizedOrder | Denial:
    """Size `proposal` against `book`, or deny it with every check that was made."""
    totals = totals_of(candidate, book)
    passed = gates(proposal, candidate, book, totals, entries_so_far)
    if passed.failed >= 0:
        return Denial(ticker=proposal.ticker, rule=GATES[passed.failed], checks=Record(book.rules, passed))
    room = caps(proposal, candidate, book, totals)
    checks, shares = Record(book.rules, passed, room), room.shares[room.tightest]
    if shares < 1:
        return Denial(ticker=proposal.ticker, rule=CAPS[room.tightest], checks=checks)
    return _entry(proposal, Decimal(shares), checks, decision_id)


def shrink(order: SizedOrder, size_fraction: float) -> SizedOrder | Denial:
    """The same entry at `size_fraction` of its quantity, rounded down; denied when no whole share is left.

    Raises ValueError unless 0 < size_fraction <= 1: nothing here can enlarge an order.
    """
    if not 0.0 < size_fraction <= 1.0:
        raise ValueError(f"`size_fraction` must lie above 0 and at most 1, was {size_fraction}")
    quantity = whole_shares(order.quantity * Decimal(str(size_fraction)))
    bound = Check(
        rule="committee_size_fraction",
        observed=f"{quantity} of {order.quantity} shares",
        limit=f"at most {size_fraction:g} of the size",
        passed=quantity >= 1,
        bound=quantity < order.quantity,
    )
    checks = (*order.checks, bound)
    if quantity < 1:
        return Denial(ticker=order.ticker, rule=bound.rule, checks=checks)
    return replace(order, quantity=quantity, checks=checks)


def exit_order(position: Position, decision_id: str) -> SizedOrder:
    """A market sell of the whole position; the only check is that it sells what is held and no more."""
    held = Check(rule="sells_what_is_held", observed=str(position.quantity), limit=str(position.quantity), passed=True)
    return SizedOrder(
        client_order_id=client_order_id(decision_id, Purpose.EXIT.value),
        decision_id=decision_id,
        purpose=Purpose.EXIT,
        ticker=position.ticker,
        side=Side.SELL,
        quantity=position.quantity,
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.DAY,
        limit_price=None,
        stop_price=None,
        target_price=None,
        checks=(held,),
        decision_price=_worth(position),
    )


def _worth(position: Position) -> Decimal | None:
    """What a share is worth now, to 1/10,000 USD; None where that is not a positive number."""
    price = position.current_price
    return usd(floor_e4(price)) if price.is_finite() and floor_e4(price) > 0 else None


def _entry(proposal: Proposal, quantity: Decimal, checks: Record, decision_id: str) -> SizedOrder:
    return SizedOrder(
        client_order_id=client_order_id(decision_id, Purpose.ENTRY.value),
        decision_id=decision_id,
        purpose=Purpose.ENTRY,
        ticker=proposal.ticker,
        side=Side.BUY,
        quantity=quantity,
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        limit_price=proposal.limit_price,
        stop_price=proposal.stop_price,
        target_price=proposal.target_price,
        checks=checks,
        decision_price=proposal.last_price,
    )
