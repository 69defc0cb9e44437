"""Random books under random rules, garbage among them; what risk sizes on them is put to the other checker."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random
from typing import Any

from tenthman_checker import BookFigures, EntryFigures, Held, broken_rules
from tenthman_risk import HOUSE_RULES, a_book, a_position, a_proposal

from tenthman.config import RiskRules
from tenthman.domain.order import Book, PendingEntry, SizedOrder, TradingState
from tenthman.risk.constraints import Candidate
from tenthman.risk.controller import assess
from tenthman.risk.figures import figures_of
from tenthman.risk.numbers import rule_numbers

SECTORS = ("Energy", "Health Care", "Utilities")
GARBAGE = ("NaN", "Infinity", "-Infinity", "0", "-1", "1e30", "sNaN")
NEVER_STOPPED = 10**6


@dataclass(frozen=True, kw_only=True)
class Fuzzed:
    """How many books were made, how many orders they got, and what those broke, with the book's number.

    `tight`: orders of which one share more would break a rule, so that it is seen that the other checker bites.
    """

    books: int
    orders: int
    tight: int
    broken: tuple[tuple[int, str], ...]


def fuzz(books: int, seed: int) -> Fuzzed:
    """Size up to three candidates on each of `books` random books; equal seeds give equal books."""
    orders, tight, broken = 0, 0, []
    for number in range(books):
        draw = Random(f"{seed}-{number}")
        for found, of_one_more in _orders_on(draw):
            orders += 1
            tight += bool(of_one_more)
            broken += [(number, rule) for rule in found]
    return Fuzzed(books=books, orders=orders, tight=tight, broken=tuple(broken))


def _orders_on(draw: Random) -> Iterator[tuple[list[str], list[str]]]:
    """What each order on one book breaks, and what it would break with a share more."""
    written = random_rules(draw)
    rules, book = rules_of(written), random_book(draw)
    numbers, entries = rule_numbers(rules), draw.choice((0, 0, 0, 2, 6))
    for candidate, correlations in candidates_on(draw, book, written):
        limit = Decimal(draw.randint(100, 60_000)).scaleb(-2)
        stop = max(Decimal("0.01"), (limit * draw.randint(50, 999) / 1000).quantize(Decimal("0.01")))
        if stop >= limit:
            continue
        proposal = a_proposal(str(limit), str(stop), str(limit * 2), candidate.ticker)
        order = assess(proposal, candidate, figures_of(book, numbers), "d", entries)
        if not isinstance(order, SizedOrder):
            continue
        larger = replace(order, quantity=order.quantity + 1)
        both = [_judged(item, candidate, correlations, book, entries, written) for item in (order, larger)]
        yield both[0], both[1]
        sent = PendingEntry(
            ticker=candidate.ticker, issuer=candidate.issuer, sector=candidate.sector, quantity=order.quantity,
            limit_price=limit, stop_price=stop,
        )  # fmt: skip
        book = replace(book, pending=(*book.pending, sent), bought=book.bought + order.quantity * limit)
        entries += 1


def _judged(
    order: SizedOrder,
    candidate: Candidate,
    correlations: dict[str, float | None],
    book: Book,
    entries: int,
    rules: dict[str, Any],
) -> list[str]:
    assert order.limit_price is not None
    assert order.stop_price is not None
    assert order.target_price is not None
    entry = EntryFigures(
        ticker=candidate.ticker, issuer=candidate.issuer, sector=candidate.sector, quantity=order.quantity,
        limit=order.limit_price, stop=order.stop_price, target=order.target_price,
        median_volume=float("nan") if candidate.median_volume is None else candidate.median_volume,
        entries_before=entries, correlations=correlations, faults=candidate.faults, barred=candidate.barred,
        since_stop=book.since_stop.get(candidate.ticker, NEVER_STOPPED),
    )  # fmt: skip
    broken = broken_rules(entry, seen(book), rules)
    if book.state is not TradingState.ACTIVE:
        broken.append("trading_state")
    if candidate.ticker in book.exiting:
        broken.append("not_already_held")
    return broken


def seen(book: Book) -> BookFigures:
    """The book as the other checker reads it."""
    held = [
        Held(
            ticker=item.ticker, issuer=item.issuer, sector=item.sector, quantity=item.quantity,
            price=item.current_price, stop=item.stop_price,
        )
        for item in book.positions
    ]  # fmt: skip
    pending = [
        Held(
            ticker=item.ticker, issuer=item.issuer, sector=item.sector, quantity=item.quantity, price=item.limit_price,
            stop=item.stop_price,
        )
        for item in book.pending
    ]  # fmt: skip
    return BookFigures(
        equity=book.equity, cash=book.cash, peak=book.peak_equity, day_start=book.day_start_equity, held=held,
        pending=pending, week_start=book.week_start_equity, bought=book.bought,
    )  # fmt: skip


def random_rules(draw: Random) -> dict[str, Any]:
    """Rules as the file would spell them, fractions as decimals."""

    def fraction(low: int, high: int) -> Decimal:
        return Decimal(draw.randint(low, high)).scaleb(-4)

    def maybe(value: object) -> object:
        return value if draw.random() < 0.5 else None

    references = draw.sample(("peak", "day_start", "week_start"), draw.randint(1, 3))
    per_trade, gross = fraction(10, 500), fraction(3_000, 9_500)
    return {
        "risk_fraction_per_trade": per_trade,
        "max_open_risk_fraction": per_trade + fraction(0, 2_000),
        "max_positions": draw.randint(3, 20),
        "max_position_fraction": min(gross, fraction(100, 3_000)),
        "max_sector_fraction": fraction(500, 9_000),
        "max_gross_fraction": gross,
        "min_cash_fraction": fraction(0, 500),
        "max_positions_per_issuer": draw.randint(1, 3),
        "max_entries_per_run": draw.randint(1, 8),
        "min_price_usd": Decimal(draw.randint(1, 20)),
        "min_dollar_volume_usd": Decimal(draw.choice((0, 100_000, 5_000_000))),
        "max_volume_fraction": fraction(1, 1_000),
        "gap_allowance_fraction": maybe(fraction(1, 500)),
        "max_turnover_fraction": maybe(fraction(500, 20_000)),
        "cool_off_sessions": maybe(draw.randint(0, 5)),
        "cluster": maybe({"correlation": fraction(1_000, 9_000), "sessions": 60, "max_fraction": fraction(500, 5_000)}),
        "data_quality": maybe({"sessions": 20, "max_faults": draw.randint(0, 2)}),
        "blackout": maybe({"sessions_before": 1}),
        "drawdown": {
            "limit_fraction": fraction(50, 2_000),
            "references": references,
            "own_limits": {draw.choice(references): fraction(50, 2_000)} if draw.random() < 0.3 else {},
            "open_risk_per_distance": Decimal(draw.randint(5, 30)).scaleb(-1),
            "rearm_after_sessions": None,
        },
    }  # fmt: skip


def rules_of(written: dict[str, Any]) -> RiskRules:
    """The same rules as the configuration holds them."""

    def plain(value: object) -> object:
        if isinstance(value, dict):
            return {name: plain(inner) for name, inner in value.items()}
        return float(value) if isinstance(value, Decimal) else value

    return RiskRules.model_validate(
        {**HOUSE_RULES.model_dump(), **{name: plain(item) for name, item in written.items()}}
    )


def random_book(draw: Random) -> Book:
    """A book that is mostly possible; one in ten holds a number that cannot be."""
    equity = Decimal(draw.choice((1_000, 30_000, 100_000, 1_000_000))) + Decimal(draw.randint(0, 10**7)).scaleb(-4)
    share = equity * Decimal(draw.choice((1, 3, 8))) / 100
    book = a_book(
        equity=str(equity),
        cash=str(equity * draw.randint(0, 110) / 100),
        positions=tuple(_position(draw, place, share) for place in range(draw.choice((0, 0, 1, 3, 6, 14)))),
        pending=tuple(_entry(draw, place, share) for place in range(draw.choice((0, 0, 1, 3)))),
        state=draw.choice((TradingState.ACTIVE,) * 16 + (TradingState.REDUCING, TradingState.HALTED)),
        peak=str(equity * draw.choice((1000, 1000, 1001, 1010, 1040)) / 1000),
        day_start=str(equity * draw.choice((990, 1000, 1005, 1030)) / 1000),
        week_start=str(equity * draw.choice((990, 1000, 1005, 1030)) / 1000),
        bought=str(equity * draw.choice((0, 0, 10, 60)) / 100),
        since_stop={f"C{draw.randint(0, 2)}": draw.randint(0, 6)},
    )
    book = replace(book, exiting=frozenset({f"C{draw.randint(0, 9)}"}))
    return _spoilt(draw, book) if draw.random() < 0.1 else book


def _spoilt(draw: Random, book: Book) -> Book:
    garbage = Decimal(draw.choice(GARBAGE[:-1]))
    field = draw.choice(("equity", "cash", "peak_equity", "day_start_equity", "week_start_equity", "bought", "line"))
    if field != "line":
        return replace(book, **{field: garbage})
    if not book.positions:
        return book
    first, *others = book.positions
    spoilt = replace(first, **{draw.choice(("quantity", "current_price", "stop_price")): garbage})
    return replace(book, positions=(spoilt, *others))


def _position(draw: Random, place: int, share: Decimal) -> Any:
    price = Decimal(draw.randint(100, 60_000)).scaleb(-2)
    nearness = draw.choice((None, 80, 97, 99, 99, 102))
    return a_position(
        ticker=f"H{place}",
        issuer=draw.choice((None, None, "Alphabet")),
        sector=draw.choice(SECTORS),
        quantity=str(max(Decimal("0.37"), (share / price).quantize(draw.choice((Decimal(1), Decimal("0.001")))))),
        price=str(price),
        stop=None if nearness is None else str(price * nearness / 100),
    )


def _entry(draw: Random, place: int, share: Decimal) -> PendingEntry:
    limit = Decimal(draw.randint(100, 60_000)).scaleb(-2)
    return PendingEntry(
        ticker=f"P{place}", issuer=f"P{place}", sector=draw.choice(SECTORS),
        quantity=max(Decimal(1), (share / limit).quantize(Decimal(1))), limit_price=limit,
        stop_price=limit * draw.choice((90, 97, 99)) / 100,
    )  # fmt: skip


def candidates_on(draw: Random, book: Book, rules: dict[str, Any]) -> list[tuple[Candidate, dict[str, float | None]]]:
    """Up to three candidates, each with its correlations with the names of the book (None: unknown)."""
    return [_candidate(draw, place, book, rules) for place in range(draw.randint(1, 3))]


def _candidate(
    draw: Random, place: int, book: Book, rules: dict[str, Any]
) -> tuple[Candidate, dict[str, float | None]]:
    names = [item.ticker for item in (*book.positions, *book.pending)]
    correlations = {name: draw.choice((None, round(draw.uniform(-1, 1), 3))) for name in names}
    cluster = rules["cluster"]
    apart = {
        name
        for name, value in correlations.items()
        if cluster and value is not None and Decimal(repr(value)) <= cluster["correlation"]
    }
    ticker = draw.choice((*(f"C{place}",) * 9, "H0"))
    candidate = Candidate(
        ticker=ticker,
        issuer=draw.choice((ticker, ticker, "Alphabet")),
        sector=draw.choice(SECTORS),
        median_volume=draw.choice(
            (None, float("nan"), float("inf"), -1.0, 0.0, 1e300, *(10 ** draw.uniform(3, 8),) * 24)
        ),
        faults=draw.choice((0, 0, 0, 0, 0, 0, 1, 3)),
        barred=draw.random() < 0.05,
        apart=frozenset(apart),
    )
    return candidate, correlations
