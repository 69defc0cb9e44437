"""The limits of risk_rules.yaml a second time, in plain sums: an order is checked by other code than sized it.

Takes figures, not the desk's own types: the same questions are put to orders in memory and to rows of a database.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

RULES_FILE = Path(__file__).resolve().parents[2] / "config" / "risk_rules.yaml"

Rules = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Held:
    """Shares held, or promised to an entry at work: then `price` is its limit. `stop` None: nothing protects them."""

    ticker: str
    issuer: str
    sector: str
    quantity: Decimal
    price: Decimal
    stop: Decimal | None

    @property
    def value(self) -> Decimal:
        return self.quantity * self.price

    def at_risk(self, gap: Decimal) -> Decimal:
        """Lost if the stop fills `gap` of the price below its own; no more than everything."""
        if self.stop is None or not _is_number(self.stop):
            return self.value
        return self.quantity * min(self.price, max(Decimal(0), self.price - self.stop) + gap * self.price)


@dataclass(frozen=True, kw_only=True)
class BookFigures:
    """The account before an order: `pending` are entries at work, those of the same run included (USD).

    `bought`: what entries were sent for in this session. None: not known to the caller, not looked at.
    """

    equity: Decimal
    cash: Decimal
    peak: Decimal
    day_start: Decimal
    held: Sequence[Held]
    pending: Sequence[Held]
    week_start: Decimal | None = None
    bought: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class EntryFigures:
    """An entry as it was sent. None: not known to the caller, not looked at.

    `median_volume` in shares. `correlations` with names of the book, each None where it cannot be computed. `faults`:
    bars missing or flagged of late. `barred`: a blackout. `since_stop`: sessions, none for a name never stopped: 10**6.
    """

    ticker: str
    issuer: str
    sector: str
    quantity: Decimal
    limit: Decimal
    stop: Decimal
    target: Decimal
    median_volume: float | None
    entries_before: int
    correlations: Mapping[str, float | None] | None = None
    faults: int | None = None
    barred: bool | None = None
    since_stop: int | None = None


def rules_as_written(path: Path = RULES_FILE) -> Rules:
    """The file's numbers, fractions as the decimals that are written there."""
    written: Rules = yaml.load(path.read_text(encoding="utf-8"), Loader=_Decimals)
    return written


def broken_rules(entry: EntryFigures, book: BookFigures, rules: Rules) -> list[str]:
    """The rules that `entry` breaks on `book`; none for an order that may be sent."""
    if not all(_is_number(amount) for amount in _amounts(entry, book)):
        return ["unknown_means_no"]
    return [
        *_broken_limits(entry, book, rules),
        *_broken_money(entry, book, rules),
        *_broken_gates(entry, book, rules),
        *_broken_facts(entry, rules),
    ]


def _amounts(entry: EntryFigures, book: BookFigures) -> list[Decimal]:
    lines = [*book.held, *book.pending]
    return [
        *(entry.quantity, entry.limit, entry.stop, entry.target, book.equity, book.cash),
        *(number for item in lines for number in (item.quantity, item.price)),
    ]


def _is_number(amount: Decimal) -> bool:
    return amount.is_finite() and amount > 0


def _broken_limits(entry: EntryFigures, book: BookFigures, rules: Rules) -> list[str]:
    gap = rules.get("gap_allowance_fraction") or Decimal(0)
    cost = entry.quantity * entry.limit
    risk = entry.quantity * min(entry.limit, entry.limit - entry.stop + gap * entry.limit)
    everything = [*book.held, *book.pending]
    invested = sum(item.value for item in everything)
    sector = sum(item.value for item in everything if item.sector == entry.sector)
    sums = {
        "risk_fraction_per_trade": risk,
        "max_open_risk_fraction": risk + sum(item.at_risk(gap) for item in everything),
        "max_position_fraction": cost,
        "max_sector_fraction": cost + sector,
        "max_gross_fraction": cost + invested,
    }
    broken = [rule for rule, observed in sums.items() if observed > rules[rule] * book.equity]
    left = max(Decimal(0), min(limit - lost for lost, limit in _drawdowns(book, rules)))
    if sums["max_open_risk_fraction"] > rules["drawdown"]["open_risk_per_distance"] * left * book.equity:
        broken.append("drawdown_budget")
    cluster = rules.get("cluster")
    if cluster and entry.correlations is not None:
        together = sum(item.value for item in everything if _goes_along(item.ticker, entry, cluster["correlation"]))
        if cost + together > cluster["max_fraction"] * book.equity:
            broken.append("max_cluster_fraction")
    return broken


def _goes_along(ticker: str, entry: EntryFigures, highest: Decimal) -> bool:
    correlation = None if entry.correlations is None else entry.correlations.get(ticker)
    return correlation is None or Decimal(repr(correlation)) > highest


def _drawdowns(book: BookFigures, rules: Rules) -> list[tuple[Decimal, Decimal]]:
    """What was lost since each reference that the rules name and the caller knows, and its limit."""
    starts = {"peak": book.peak, "day_start": book.day_start, "week_start": book.week_start}
    own, common = rules["drawdown"].get("own_limits") or {}, rules["drawdown"]["limit_fraction"]
    found = []
    for name in rules["drawdown"]["references"]:
        start = starts[name]
        if start is not None:
            lost = (start - book.equity) / start if _is_number(start) else Decimal(1)
            found.append((max(Decimal(0), lost), own.get(name, common)))
    return found


def _broken_money(entry: EntryFigures, book: BookFigures, rules: Rules) -> list[str]:
    cost = entry.quantity * entry.limit
    promised = sum(item.value for item in book.pending)
    broken = []
    if book.cash - promised - cost < rules["min_cash_fraction"] * book.equity:
        broken.append("min_cash_fraction")
    turnover = rules.get("max_turnover_fraction")
    if turnover and book.bought is not None and book.bought + cost > turnover * book.equity:
        broken.append("max_turnover_fraction")
    return broken


def _broken_gates(entry: EntryFigures, book: BookFigures, rules: Rules) -> list[str]:
    everything = [*book.held, *book.pending]
    same_issuer = sum(item.issuer == entry.issuer for item in everything)
    broken = {
        "whole_shares": entry.quantity < 1 or entry.quantity != entry.quantity.to_integral_value(),
        "prices_in_order": not 0 < entry.stop < entry.limit < entry.target,
        "not_already_held": any(item.ticker == entry.ticker for item in everything),
        "max_positions": len(everything) >= rules["max_positions"],
        "max_positions_per_issuer": same_issuer >= rules["max_positions_per_issuer"],
        "max_entries_per_run": entry.entries_before >= rules["max_entries_per_run"],
        "min_price_usd": entry.limit < rules["min_price_usd"],
        "drawdown": any(lost >= limit for lost, limit in _drawdowns(book, rules)),
    }
    if entry.median_volume is not None:
        volume = Decimal(repr(entry.median_volume))
        known = volume.is_finite()
        broken["min_dollar_volume_usd"] = not known or volume * entry.limit < rules["min_dollar_volume_usd"]
        broken["max_volume_fraction"] = not known or entry.quantity > volume * rules["max_volume_fraction"]
    return [rule for rule, is_broken in broken.items() if is_broken]


def _broken_facts(entry: EntryFigures, rules: Rules) -> list[str]:
    quality, cool_off = rules.get("data_quality"), rules.get("cool_off_sessions")
    broken = {
        "data_quality": bool(quality) and entry.faults is not None and entry.faults > quality["max_faults"],
        "blackout": bool(rules.get("blackout")) and bool(entry.barred),
        "cool_off_sessions": cool_off is not None and entry.since_stop is not None and entry.since_stop <= cool_off,
    }
    return [rule for rule, is_broken in broken.items() if is_broken]


class _Decimals(yaml.SafeLoader):
    """Reads 0.065 as just that."""


_Decimals.add_constructor("tag:yaml.org,2002:float", lambda loader, node: Decimal(loader.construct_scalar(node)))
