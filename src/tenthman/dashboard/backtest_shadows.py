"""What became of entries that the committee took away in a backtest, told by cause and ending."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from tenthman.dashboard.backtest_summary import ShadowFacts
from tenthman.domain.audit import Decision
from tenthman.domain.market import Panel
from tenthman.scheduler.rows import shadow_row
from tenthman.scheduler.shadows import ending_of, gained_by
from tenthman.scheduler.state import Shadow


def shadow_facts(decisions: Iterable[Decision], panel: Panel, last: date) -> tuple[ShadowFacts, ...]:
    """Every shadow of `decisions` walked over the bars of `panel` up to `last`, in order of cause and ending."""
    found: dict[tuple[str, str], list[tuple[str, Decimal]]] = {}
    for decision in decisions:
        shadow = _shadow(decision)
        if shadow is not None:
            end = ending_of(shadow, panel, last)
            found.setdefault((shadow.cause, end.reason), []).append((shadow.ticker, gained_by(shadow, end)))
    return tuple(
        ShadowFacts(
            cause=cause,
            ended=ended,
            number=len(items),
            tickers=len({ticker for ticker, _ in items}),
            result_usd=float(sum(gained for _, gained in items)),
        )
        for (cause, ended), items in sorted(found.items())
    )


def _shadow(decision: Decision) -> Shadow | None:
    row: list[Any] | None = shadow_row("", decision)
    if row is None:
        return None
    _, decision_id, ticker, cause, quantity, limit_price, stop_price, target_price, horizon, session = row
    return Shadow(
        decision_id=decision_id,
        slot=decision.slot,
        ticker=ticker,
        cause=cause,
        quantity=quantity,
        limit_price=limit_price,
        stop_price=stop_price,
        target_price=target_price,
        horizon_sessions=horizon,
        opened_session=session,
        entry_price=None,
    )
