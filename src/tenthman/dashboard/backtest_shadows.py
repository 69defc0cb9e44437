"""What became of entries that the committee took away in a backtest, told by cause and ending."""

from collections.abc import Iterable

from tenthman.backtest.memory import EndedShadow
from tenthman.dashboard.backtest_summary import ShadowFacts


def shadow_facts(ended: Iterable[EndedShadow]) -> tuple[ShadowFacts, ...]:
    """The shadow positions `ended`, in order of cause and ending."""
    found: dict[tuple[str, str], list[EndedShadow]] = {}
    for item in ended:
        found.setdefault((item.shadow.cause, item.ending.reason), []).append(item)
    return tuple(
        ShadowFacts(
            cause=cause,
            ended=reason,
            number=len(items),
            tickers=len({item.shadow.ticker for item in items}),
            result_usd=float(sum(item.gained for item in items)),
        )
        for (cause, reason), items in sorted(found.items(), key=lambda group: group[0])
    )
