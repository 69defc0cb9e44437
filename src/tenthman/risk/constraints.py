"""Constraints: what must hold before an entry is sized, and how many shares each limit leaves room for.

Two kinds. A gate passes or fails. A cap names the largest quantity it allows; the smallest cap sizes the order.
Unknown means no: a fact that is missing or not finite fails its gate or caps at zero.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from tenthman.config import RiskRules
from tenthman.domain.opinion import Proposal
from tenthman.domain.order import Book, Check, TradingState

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What risk may know of the ticker itself. `median_volume` is in shares a session, None when unknown."""

    ticker: str
    issuer: str
    sector: str
    median_volume: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """The most shares one rule allows, with what it looked at in USD or shares for the record."""

    rule: str
    shares: Decimal
    observed: str
    limit: str


def fraction_of(equity: Decimal, fraction: float) -> Decimal:
    """`fraction` of `equity`, exactly as the YAML spelled it."""
    return equity * Decimal(str(fraction))


def gates(
    proposal: Proposal, candidate: Candidate, book: Book, rules: RiskRules, entries_so_far: int
) -> tuple[Check, ...]:
    """Every yes-or-no rule, each applied whether or not an earlier one failed, so that a denial shows them all."""
    return (
        _gate("trading_state", book.state.value, TradingState.ACTIVE.value, book.state is TradingState.ACTIVE),
        _gate("equity_known", f"{book.equity:.2f}", "above 0", book.equity.is_finite() and book.equity > 0),
        _drawdown(book, rules),
        _at_most("max_entries_per_run", entries_so_far + 1, rules.max_entries_per_run),
        _not_held(proposal.ticker, book),
        _at_most("max_positions", len(book.positions) + len(book.pending) + 1, rules.max_positions),
        _at_most("max_positions_per_issuer", _of_issuer(candidate.issuer, book) + 1, rules.max_positions_per_issuer),
        _at_least("min_price_usd", proposal.limit_price, Decimal(str(rules.min_price_usd))),
        _liquidity(proposal, candidate, rules),
    )


def caps(proposal: Proposal, candidate: Candidate, book: Book, rules: RiskRules) -> Iterator[Cap]:
    """The room each quantitative rule leaves, in shares (not yet whole)."""
    equity = book.equity
    risk_per_share = proposal.limit_price - proposal.stop_price
    yield _cap("risk_fraction_per_trade", fraction_of(equity, rules.risk_fraction_per_trade), ZERO, risk_per_share)
    yield _cap(
        "max_open_risk_fraction", fraction_of(equity, rules.max_open_risk_fraction), open_risk(book), risk_per_share
    )
    price = proposal.limit_price
    yield _cap("max_position_fraction", fraction_of(equity, rules.max_position_fraction), ZERO, price)
    yield _cap(
        "max_sector_fraction", fraction_of(equity, rules.max_sector_fraction), exposure(book, candidate.sector), price
    )
    yield _cap("max_gross_fraction", fraction_of(equity, rules.max_gross_fraction), exposure(book, None), price)
    reserve = fraction_of(equity, rules.min_cash_fraction) + sum(
        (entry.quantity * entry.limit_price for entry in book.pending), ZERO
    )
    yield _cap("min_cash_fraction", book.cash, reserve, price)
    yield _volume_cap(candidate, rules)


def open_risk(book: Book) -> Decimal:
    """USD lost if every stop fills at its price, pending entries counted as filled at their limit."""
    held = sum((position.open_risk_usd for position in book.positions), ZERO)
    return held + sum((entry.quantity * (entry.limit_price - entry.stop_price) for entry in book.pending), ZERO)


def exposure(book: Book, sector: str | None) -> Decimal:
    """USD in positions and pending entries, of one sector or (None) of all."""
    held = sum((item.market_value for item in book.positions if sector in (None, item.sector)), ZERO)
    return held + sum(
        (item.quantity * item.limit_price for item in book.pending if sector in (None, item.sector)), ZERO
    )


def drawdown_from(reference: str, book: Book) -> Decimal:
    """Fraction lost since `reference` ("peak" or "day_start"); 1 when the reference is not a positive number."""
    start = book.peak_equity if reference == "peak" else book.day_start_equity
    if not start.is_finite() or start <= 0 or not book.equity.is_finite():
        return Decimal(1)
    return max(ZERO, (start - book.equity) / start)


def _drawdown(book: Book, rules: RiskRules) -> Check:
    worst = max(drawdown_from(reference, book) for reference in rules.drawdown.references)
    limit = Decimal(str(rules.drawdown.limit_fraction))
    return _gate("drawdown", f"{worst:.4f}", f"below {limit}", worst < limit)


def _not_held(ticker: str, book: Book) -> Check:
    taken = {item.ticker for item in book.positions} | {item.ticker for item in book.pending} | book.exiting
    return _gate("not_already_held", "held or pending" if ticker in taken else "free", "free", ticker not in taken)


def _of_issuer(issuer: str, book: Book) -> int:
    held = sum(item.issuer == issuer for item in book.positions)
    return held + sum(item.issuer == issuer for item in book.pending)


def _liquidity(proposal: Proposal, candidate: Candidate, rules: RiskRules) -> Check:
    limit = f"at least {rules.min_dollar_volume_usd:.0f}"
    volume = candidate.median_volume
    if volume is None or not math.isfinite(volume) or volume <= 0:
        return _gate("min_dollar_volume_usd", "unknown", limit, passed=False)
    dollars = volume * float(proposal.limit_price)
    return _gate("min_dollar_volume_usd", f"{dollars:.0f}", limit, dollars >= rules.min_dollar_volume_usd)


def _volume_cap(candidate: Candidate, rules: RiskRules) -> Cap:
    volume = candidate.median_volume
    known = volume is not None and math.isfinite(volume) and volume > 0
    shares = Decimal(str(rules.max_volume_fraction)) * Decimal(repr(float(volume))) if known and volume else ZERO
    return Cap(
        rule="max_volume_fraction",
        shares=shares,
        observed=f"median volume {volume:.0f}" if known else "median volume unknown",
        limit=f"{shares:.0f} shares",
    )


def _cap(rule: str, budget: Decimal, used: Decimal, per_share: Decimal) -> Cap:
    left = max(ZERO, budget - used)
    known = left.is_finite() and per_share.is_finite() and per_share > 0
    return Cap(
        rule=rule,
        shares=left / per_share if known else ZERO,
        observed=f"{used:.2f} used, {per_share:.2f} a share",
        limit=f"{budget:.2f}",
    )


def _gate(rule: str, observed: str, limit: str, passed: bool) -> Check:
    return Check(rule=rule, observed=observed, limit=limit, passed=passed)


def _at_most(rule: str, observed: int, limit: int) -> Check:
    return _gate(rule, str(observed), f"at most {limit}", observed <= limit)


def _at_least(rule: str, observed: Decimal, limit: Decimal) -> Check:
    return _gate(rule, str(observed), f"at least {limit}", observed.is_finite() and observed >= limit)
