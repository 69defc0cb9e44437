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

    @property
    def at_risk(self) -> Decimal:
        if self.stop is None:
            return self.value
        return self.quantity * max(Decimal(0), self.price - self.stop)


@dataclass(frozen=True, kw_only=True)
class BookFigures:
    """The account before an order: `pending` are entries at work, those of the same run included (USD)."""

    equity: Decimal
    cash: Decimal
    peak: Decimal
    day_start: Decimal
    held: Sequence[Held]
    pending: Sequence[Held]


@dataclass(frozen=True, kw_only=True)
class EntryFigures:
    """An entry as it was sent. `median_volume` in shares; None where it is not known to the caller: not looked at."""

    ticker: str
    issuer: str
    sector: str
    quantity: Decimal
    limit: Decimal
    stop: Decimal
    target: Decimal
    median_volume: float | None
    entries_before: int


def rules_as_written(path: Path = RULES_FILE) -> Rules:
    """The file's numbers, fractions as the decimals that are written there."""
    written: Rules = yaml.load(path.read_text(encoding="utf-8"), Loader=_Decimals)
    return written


def broken_rules(entry: EntryFigures, book: BookFigures, rules: Rules) -> list[str]:
    """The rules that `entry` breaks on `book`; none for an order that may be sent."""
    return [*_broken_limits(entry, book, rules), *_broken_gates(entry, book, rules)]


def _broken_limits(entry: EntryFigures, book: BookFigures, rules: Rules) -> list[str]:
    cost = entry.quantity * entry.limit
    risk = entry.quantity * (entry.limit - entry.stop)
    everything = [*book.held, *book.pending]
    invested = sum(item.value for item in everything)
    sector = sum(item.value for item in everything if item.sector == entry.sector)
    promised = sum(item.value for item in book.pending)
    sums = {
        "risk_fraction_per_trade": risk,
        "max_open_risk_fraction": risk + sum(item.at_risk for item in everything),
        "max_position_fraction": cost,
        "max_sector_fraction": cost + sector,
        "max_gross_fraction": cost + invested,
    }
    broken = [rule for rule, observed in sums.items() if observed > rules[rule] * book.equity]
    starts = [{"peak": book.peak, "day_start": book.day_start}[name] for name in rules["drawdown"]["references"]]
    worst = max([Decimal(0), *((start - book.equity) / start for start in starts)])
    left = max(Decimal(0), rules["drawdown"]["limit_fraction"] - worst)
    if sums["max_open_risk_fraction"] > rules["drawdown"]["open_risk_per_distance"] * left * book.equity:
        broken.append("drawdown_budget")
    if book.cash - promised - cost < rules["min_cash_fraction"] * book.equity:
        broken.append("min_cash_fraction")
    return broken


def _broken_gates(entry: EntryFigures, book: BookFigures, rules: Rules) -> list[str]:
    everything = [*book.held, *book.pending]
    same_issuer = sum(item.issuer == entry.issuer for item in everything)
    references = {"peak": book.peak, "day_start": book.day_start}
    limit = 1 - rules["drawdown"]["limit_fraction"]
    broken = {
        "whole_shares": entry.quantity < 1 or entry.quantity != entry.quantity.to_integral_value(),
        "prices_in_order": not 0 < entry.stop < entry.limit < entry.target,
        "not_already_held": any(item.ticker == entry.ticker for item in everything),
        "max_positions": len(everything) >= rules["max_positions"],
        "max_positions_per_issuer": same_issuer >= rules["max_positions_per_issuer"],
        "max_entries_per_run": entry.entries_before >= rules["max_entries_per_run"],
        "min_price_usd": entry.limit < rules["min_price_usd"],
        "drawdown": any(book.equity <= references[name] * limit for name in rules["drawdown"]["references"]),
    }
    if entry.median_volume is not None:
        volume = Decimal(repr(entry.median_volume))
        broken["min_dollar_volume_usd"] = volume * entry.limit < rules["min_dollar_volume_usd"]
        broken["max_volume_fraction"] = entry.quantity > volume * rules["max_volume_fraction"]
    return [rule for rule, is_broken in broken.items() if is_broken]


class _Decimals(yaml.SafeLoader):
    """Reads 0.065 as just that."""


_Decimals.add_constructor("tag:yaml.org,2002:float", lambda loader, node: Decimal(loader.construct_scalar(node)))
