"""The truncation test on a market: of everything the desk computes, or of any other features."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np

from tenthman.config import Config
from tenthman.data.market import MarketHistory, known_at_close
from tenthman.decision import compute_features, membership
from tenthman.domain.errors import ConfigError
from tenthman.domain.features import FeaturePanel
from tenthman.domain.market import NEW_YORK, MarketData
from tenthman.features.lookahead import Leak, cut_rows, leaks
from tenthman.news.linker import Linker
from tenthman.scheduler.gathering.gather import link_items
from tenthman.scheduler.gathering.scoring import open_scorer

Compute = Callable[[int], FeaturePanel]
"""The features as they were known after so many sessions."""


def shipped_features(config: Config, market: MarketData) -> Compute:
    """Every feature of the desk, levels and ranks, as the morning run after that many sessions sees them.

    Only of members, session by session: no decision and no training reads the others, whose sector may not be known
    before they join.
    """
    linked = link_items(Linker(market.universe), market.headlines, open_scorer(config))
    history = MarketHistory(market.panel, known_at_close(market), linked, market.universe, market.hours)
    days: list[date] = market.panel.sessions.tolist()
    morning = config.settings.schedule.morning

    def compute(sessions: int) -> FeaturePanel:
        at = datetime.combine(days[sessions], morning, NEW_YORK).astimezone(UTC)
        view = history.serve(at)
        features = compute_features(view, config)
        member = membership(view.panel, view.universe)[:, :, np.newaxis]
        return replace(features, values=np.where(member, features.values, np.nan))

    return compute


def look_ahead(compute: Compute, whole: FeaturePanel, cuts: int, watch: Callable[[int, int], None]) -> Iterator[Leak]:
    """The first leak of each feature of `whole` over `cuts` cuts of its history, the earliest cut first.

    ConfigError when the features themselves depend on how much is known, or when there are more cuts than sessions.
    """
    try:
        rows = cut_rows(len(whole.sessions), cuts)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    told: set[str] = set()
    for number, row in enumerate(rows.tolist(), start=1):
        watch(number, len(rows))
        try:
            found = list(leaks(compute(row), whole))
        except ValueError as error:
            raise ConfigError(str(error)) from None
        yield from (item for item in found if item.feature not in told)
        told |= {item.feature for item in found}
