"""The truncation test on a market: of everything the desk computes, or of a user's own feature."""

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np

from tenthman.config import Config
from tenthman.data.market import MarketHistory, known_at_close
from tenthman.decision import compute_features, membership
from tenthman.domain.errors import ConfigError
from tenthman.domain.features import FeaturePanel
from tenthman.domain.market import NEW_YORK, Floats, MarketData, Panel
from tenthman.features.lookahead import Leak, cut_rows, leaks
from tenthman.news.linker import Linker
from tenthman.scheduler.gathering.gather import link_items
from tenthman.scheduler.gathering.scoring import open_scorer

Feature = Callable[[Panel], FeaturePanel | Mapping[str, Floats] | Floats]
"""A user's own: from bars to one array of shape (sessions, tickers), to several by name, or to a panel."""

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


def own_feature(spec: str, folder: Path, panel: Panel) -> Compute:
    """The function that `spec` ("module:function") names, looked for in `folder` first.

    ConfigError when it cannot be had, and later when it fails or answers with anything but float64 arrays of the shape
    of the bars it was given.
    """
    function = _imported(spec, folder)

    def compute(sessions: int) -> FeaturePanel:
        bars = panel.rows(0, sessions)
        try:
            answer = function(bars)
        except Exception as error:  # a user's own code may raise anything
            raise ConfigError(f"{spec} failed on {sessions} sessions: {type(error).__name__}: {error}") from error
        return _as_panel(spec, answer, bars)

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


def _imported(spec: str, folder: Path) -> Feature:
    module, _, name = spec.partition(":")
    if not module or not name:
        raise ConfigError(f"`--feature` must be module:function, was {spec!r}")
    sys.path.insert(0, str(folder))
    try:
        found = getattr(importlib.import_module(module), name)
    except Exception as error:  # a user's own module may raise anything while it is read
        raise ConfigError(f"`--feature` {spec!r} cannot be had: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(str(folder))
    if not callable(found):
        raise ConfigError(f"`--feature` {spec!r} must name a function, was {type(found).__name__}")
    own: Feature = found
    return own


def _as_panel(spec: str, answer: object, bars: Panel) -> FeaturePanel:
    if isinstance(answer, FeaturePanel):
        return answer
    columns = answer if isinstance(answer, Mapping) else {spec.partition(":")[2]: answer}
    arrays = {str(name): np.asarray(values) for name, values in columns.items()}
    for name, values in arrays.items():
        if values.shape != bars.close.shape or values.dtype.kind not in "fiub":
            raise ConfigError(
                f"{spec}: `{name}` must be numbers of shape {bars.close.shape} (sessions, tickers), was "
                f"{values.dtype} {values.shape}"
            )
    try:
        return FeaturePanel(
            sessions=bars.sessions.copy(),
            tickers=bars.tickers,
            names=tuple(arrays),
            values=np.stack([values.astype(np.float64) for values in arrays.values()], axis=2),
            definitions=(spec,),
        )
    except ValueError as error:
        raise ConfigError(f"{spec}: {error}") from None
