"""The case that is put to the committee: figures of the name, of the plan and of the book, and headlines."""

from datetime import datetime

from tenthman.decision.preparing import Facts
from tenthman.decision.question import Quote
from tenthman.domain.money import usd
from tenthman.domain.opinion import Case, Figure, Signal
from tenthman.domain.order import Book, SizedOrder
from tenthman.risk.figures import BookFigures


def case_of(signal: Signal, facts: Facts, as_of: datetime, quote: Quote) -> Case:
    """All that critics are told of one candidate, but for the plan."""
    figures = tuple(
        Figure(id=f"f{number}", name=name, value=float(f"{value:.6g}"), unit="")
        for number, (name, value) in enumerate(facts.features.items(), start=1)
    )
    return Case(
        ticker=signal.ticker,
        name=facts.listing.name,
        sector=facts.listing.sector,
        as_of=as_of,
        signal=signal,
        last_close=facts.last_close,
        atr=facts.atr,
        figures=figures,
        passages=quote(signal.ticker, facts.listing.name, as_of),
    )


def plan_figures(
    sized: SizedOrder, signal: Signal, facts: Facts, book: Book, figures: BookFigures
) -> tuple[Figure, ...]:
    """The plan and the book in numbers, under ids p1, p2, ... All fractions are of equity."""
    limit, stop, target = sized.limit_price, sized.stop_price, sized.target_price
    if limit is None or stop is None or target is None:
        raise ValueError(f"{sized.client_order_id}: an entry must carry limit, stop and target prices")
    equity = book.equity
    sector = usd(figures.exposure(facts.listing.sector)) + sized.quantity * limit
    values = {
        "score": signal.excess,
        "p_buy": signal.p_buy,
        "p_sell": signal.p_sell,
        "risk_fraction": float(sized.quantity * (limit - stop) / equity),
        "position_fraction": float(sized.quantity * limit / equity),
        "reward_risk": float((target - limit) / (limit - stop)),
        "open_positions": float(len(book.positions) + len(book.pending)),
        "sector_fraction": float(sector / equity),
        "drawdown": float(book.drawdown),
        "open_risk_fraction": float(usd(figures.open_risk) / equity),
    }
    return tuple(
        Figure(id=f"p{number}", name=name, value=float(f"{value:.6g}"), unit="")
        for number, (name, value) in enumerate(values.items(), start=1)
    )
