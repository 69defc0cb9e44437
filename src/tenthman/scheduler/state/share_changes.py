"""Which splits and new names an account has gone through: those that explain what it holds. Pure.

A change counts where the account shows it: paper accounts are said not to apply every split.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from itertools import combinations

from tenthman.domain.order import Fill, Side
from tenthman.domain.shares import ShareChange, split_quantity

MOST_AT_ONCE = 6
"""So many changes of one name that nobody has seen yet are tried together; of more, the oldest."""

_ZERO = Decimal(0)
_LEAST_PRICE = Decimal("1e-18")
"""Of what was paid nothing for: an execution has a price, and this one makes no sum differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A change that the account shows, and the part of a share (as it is after it) that it does not hold."""

    change: ShareChange
    fraction: Decimal


def explanation(
    fills: Sequence[Fill],
    recorded: Iterable[ShareChange],
    known: Iterable[ShareChange],
    account: Mapping[str, Decimal],
) -> tuple[Shown, ...] | None:
    """The fewest of the `known` changes that lead, with those `recorded`, over all `fills` to what the `account` holds.

    All are of one name, and of what it became. None where nothing explains it.
    """
    candidates = sorted(known, key=lambda item: item.since)[:MOST_AT_ONCE]
    entered = tuple(recorded)
    for count in range(len(candidates) + 1):
        for chosen in combinations(candidates, count):
            for whole in (False, True) if chosen else (False,):
                found = _replayed(fills, entered, chosen if whole else (), chosen)
                if found is not None and _equal(found[0], account):
                    return found[1]
    return None


def group_of(ticker: str, known: Iterable[ShareChange]) -> frozenset[str]:
    """`ticker` with what it became and what became it."""
    names, changes = {ticker}, [(item.ticker, item.becomes) for item in known]
    while more := {name for pair in changes if names & set(pair) for name in pair} - names:
        names |= more
    return frozenset(names)


def oversold(held: Decimal, fills: Sequence[Fill]) -> tuple[Fill, ...]:
    """Sales of one name that are of more than is `held` on record, in order of time."""
    refused = []
    for fill in _in_order(fills):
        after = held + (fill.quantity if fill.side is Side.BUY else -fill.quantity)
        if after < 0:
            refused.append(fill)
        else:
            held = after
    return tuple(refused)


def fill_of_fraction(change: ShareChange, fraction: Decimal, paid: Decimal) -> Fill:
    """The part of a share that a change left, as if it had been sold for `paid` USD at the moment of the change."""
    name = f"fraction-{change.becomes}-{change.on}"
    return Fill(
        execution_id=name,
        broker_order_id=name,
        ticker=change.becomes,
        side=Side.SELL,
        quantity=fraction,
        price=max(paid / fraction, _LEAST_PRICE),
        filled_at=change.since,
    )


def cash_of(fill: Fill) -> Decimal:
    """What an execution did to the account's cash, USD."""
    value = fill.quantity * fill.price
    return -value if fill.side is Side.BUY else value


def _replayed(
    fills: Sequence[Fill], entered: Sequence[ShareChange], paid: Sequence[ShareChange], chosen: Sequence[ShareChange]
) -> tuple[dict[str, Decimal], tuple[Shown, ...]] | None:
    """What is held in the end, and what is `chosen`; a part of a share is `paid` in cash. None for a sale too many."""
    now: dict[str, Decimal] = {}
    shown = []
    waiting = sorted((*entered, *chosen), key=lambda item: item.since)
    for fill in [*_in_order(fills), None]:
        while waiting and (fill is None or waiting[0].since <= fill.filled_at):
            change = waiting.pop(0)
            seen = _apply(now, change, whole=change in paid)
            shown += [seen] if change in chosen else []
        if fill is None:
            break
        after = now.get(fill.ticker, _ZERO) + (fill.quantity if fill.side is Side.BUY else -fill.quantity)
        if after < 0:
            return None
        now[fill.ticker] = after
    return now, tuple(shown)


def _apply(now: dict[str, Decimal], change: ShareChange, *, whole: bool) -> Shown:
    after = split_quantity(now.pop(change.ticker, _ZERO), change.ratio)
    kept = after.to_integral_value(ROUND_DOWN) if whole else after
    now[change.becomes] = now.get(change.becomes, _ZERO) + kept
    return Shown(change=change, fraction=after - kept)


def _equal(found: Mapping[str, Decimal], account: Mapping[str, Decimal]) -> bool:
    return all(found.get(name, _ZERO) == account.get(name, _ZERO) for name in found.keys() | account.keys())


def _in_order(fills: Sequence[Fill]) -> list[Fill]:
    return sorted(fills, key=_time_of)


def _time_of(fill: Fill) -> tuple[datetime, bool]:
    return fill.filled_at, fill.side is Side.SELL
