"""Plain books, candidates and proposals for tests of risk."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from types import MappingProxyType

from tenthman.config import RiskRules
from tenthman.domain.opinion import Action, Proposal, Signal
from tenthman.domain.order import Book, Denial, PendingEntry, Position, SizedOrder, TradingState
from tenthman.risk.constraints import Candidate
from tenthman.risk.controller import assess
from tenthman.risk.figures import figures_of
from tenthman.risk.numbers import rule_numbers

AS_OF = datetime(2020, 1, 6, 14, 0, tzinfo=UTC)


def a_signal(ticker: str = "ABC", p_buy: float = 0.5, p_sell: float = 0.2) -> Signal:
    return Signal(
        ticker=ticker,
        session=date(2020, 1, 3),
        action=Action.BUY,
        p_buy=p_buy,
        p_hold=round(1 - p_buy - p_sell, 6),
        p_sell=p_sell,
        horizon_sessions=10,
        model_version="test",
    )


def a_proposal(limit: str = "100.00", stop: str = "96.00", target: str = "106.00", ticker: str = "ABC") -> Proposal:
    return Proposal(
        ticker=ticker,
        signal=a_signal(ticker),
        last_price=Decimal(limit),
        limit_price=Decimal(limit),
        stop_price=Decimal(stop),
        target_price=Decimal(target),
        horizon_sessions=10,
    )


def a_candidate(ticker: str = "ABC", sector: str = "Energy", median_volume: float | None = 5e6) -> Candidate:
    return Candidate(ticker=ticker, issuer=ticker, sector=sector, median_volume=median_volume)


def a_book(
    equity: str = "100000",
    cash: str = "100000",
    positions: tuple[Position, ...] = (),
    pending: tuple[PendingEntry, ...] = (),
    state: TradingState = TradingState.ACTIVE,
    peak: str | None = None,
    day_start: str | None = None,
    week_start: str | None = None,
    bought: str = "0",
    since_stop: Mapping[str, int] = MappingProxyType({}),
) -> Book:
    return Book(
        as_of=AS_OF,
        equity=Decimal(equity),
        cash=Decimal(cash),
        day_start_equity=Decimal(day_start or equity),
        week_start_equity=Decimal(week_start or day_start or equity),
        peak_equity=Decimal(peak or equity),
        bought=Decimal(bought),
        since_stop=since_stop,
        positions=positions,
        pending=pending,
        exiting=frozenset(),
        state=state,
    )


def a_position(
    ticker: str = "XYZ",
    quantity: str = "50",
    price: str = "100",
    stop: str | None = "96",
    sector: str = "Energy",
    issuer: str | None = None,
    sessions_held: int = 1,
    decision_id: str = "d",
) -> Position:
    return Position(
        ticker=ticker,
        issuer=issuer or ticker,
        sector=sector,
        quantity=Decimal(quantity),
        avg_entry_price=Decimal(price),
        current_price=Decimal(price),
        stop_price=Decimal(stop) if stop else None,
        opened=date(2020, 1, 2),
        sessions_held=sessions_held,
        decision_id=decision_id,
    )


HOUSE_RULES = RiskRules.model_validate(
    {
        "risk_fraction_per_trade": 0.005, "max_open_risk_fraction": 0.03, "max_positions": 15,
        "max_position_fraction": 0.065, "max_sector_fraction": 0.30, "max_gross_fraction": 0.95,
        "min_cash_fraction": 0.02, "max_positions_per_issuer": 1, "max_entries_per_run": 6, "min_price_usd": 5.0,
        "min_dollar_volume_usd": 5_000_000, "max_volume_fraction": 0.001,
        "stops": {
            "atr_sessions": 14, "stop_atr": 2.0, "reward_risk": 1.5, "horizon_sessions": 10, "limit_offset_bp": 30.0,
        },
        "drawdown": {
            "limit_fraction": 0.03, "references": ("peak", "day_start"), "open_risk_per_distance": 1.0,
            "rearm_after_sessions": 10,
        },
    }
)  # fmt: skip
"""Rules of the tests' own: sums done by hand do not move when the shipped numbers do."""


def house_rules(**changes: object) -> RiskRules:
    """`HOUSE_RULES` with changed keys; those of `drawdown` and `stops` as a mapping."""
    written = HOUSE_RULES.model_dump()
    for name in ("drawdown", "stops"):
        changes[name] = {**written[name], **changes.get(name, {})}
    return RiskRules.model_validate({**written, **changes})


def assessed(
    proposal: Proposal | None = None,
    candidate: Candidate | None = None,
    book: Book | None = None,
    rules: RiskRules = HOUSE_RULES,
    entries: int = 0,
) -> SizedOrder | Denial:
    """What risk says of a plain proposal, on an empty book unless one is given."""
    return assess(
        proposal or a_proposal(),
        candidate or a_candidate(),
        figures_of(book or a_book(), rule_numbers(rules)),
        "d1",
        entries,
    )
