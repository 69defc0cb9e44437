"""Plain books, candidates and proposals for tests of risk."""

from datetime import UTC, date, datetime
from decimal import Decimal

from tenthman.domain.opinion import Action, Proposal, Signal
from tenthman.domain.order import Book, PendingEntry, Position, TradingState
from tenthman.risk.constraints import Candidate

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
) -> Book:
    return Book(
        as_of=AS_OF,
        equity=Decimal(equity),
        cash=Decimal(cash),
        day_start_equity=Decimal(day_start or equity),
        peak_equity=Decimal(peak or equity),
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
