"""Building the feature set of a market, and checking stored rows against what was known then."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import numpy as np

from tenthman.config import Config
from tenthman.data.calendar import sessions_between
from tenthman.data.market import MarketHistory, MarketView
from tenthman.db.pool import Pool
from tenthman.decision import NEWS_CHANGE_ROWS, compute_features, membership
from tenthman.domain.errors import ConfigError, DataMissing
from tenthman.domain.features import FeaturePanel
from tenthman.domain.market import NEW_YORK
from tenthman.features.sets import FeatureRow, FeatureStore, Replaced
from tenthman.scheduler.gathering.known import KnownMarket

_LONGEST_PAUSE = timedelta(days=14)


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """The set, the sessions that were asked for, and what became of their rows."""

    set_hash: str
    features: int
    first: date
    last: date
    rows: Replaced


def morning_after(config: Config, session: date) -> datetime:
    """The morning run of the session after `session`: the row of `session` holds what is known by then."""
    day = session + timedelta(days=1)
    following = sessions_between(day, day + _LONGEST_PAUSE)[0].session
    return datetime.combine(following, config.settings.schedule.morning, NEW_YORK).astimezone(UTC)


def build_features(
    config: Config,
    pool: Pool,
    market: KnownMarket,
    until: datetime,
    first: date | None,
    last: date | None,
    *,
    replacing: bool = False,
) -> Built:
    """Compute the features of `market` and store those of the sessions `first`..`last` that are not there yet, and
    with `replacing` also rewrite the rows of these sessions that differ.

    A session is built once the morning run that reads it has come: until then more news may reach its row. Raises
    DataMissing when no session is that old, ConfigError when `first` and `last` leave none.
    """
    view = _finished(config, market.history, until)
    features = compute_features(view, config)
    days: list[date] = features.sessions.tolist()
    inside = [row for row, day in enumerate(days) if (first is None or day >= first) and (last is None or day <= last)]
    if not inside:
        raise ConfigError(
            f"`--from` and `--to` must leave sessions of {days[0]}..{days[-1]}, were {first or days[0]} and "
            f"{last or days[-1]}"
        )
    rows = slice(inside[0], inside[-1] + 1)
    member = membership(view.panel, view.universe)[rows] & ~np.isnan(view.panel.close[rows])
    chosen = replace(features, sessions=features.sessions[rows].copy(), values=features.values[rows])
    store = FeatureStore(pool, market.market_id)
    done = (
        store.replace(chosen, member) if replacing else Replaced(added=store.add(chosen, member), changed=0, removed=0)
    )
    return Built(
        set_hash=features.set_hash, features=len(features.names), first=days[rows.start], last=days[inside[-1]],
        rows=done,
    )  # fmt: skip


def differing(config: Config, market: KnownMarket, set_hash: str, rows: Sequence[FeatureRow]) -> list[FeatureRow]:
    """Those of `rows` that differ, to the bit, from what is computed with nothing known after their morning.

    ConfigError when the set they are from is not the one that is computed today.
    """
    by_session: dict[date, FeaturePanel] = {}
    wrong = []
    for row in rows:
        if row.session not in by_session:
            view = market.history.serve(morning_after(config, row.session))
            by_session[row.session] = compute_features(view, config, NEWS_CHANGE_ROWS)
        features = by_session[row.session]
        if features.set_hash != set_hash:
            raise ConfigError(f"set {set_hash[:12]} cannot be checked: today's is {features.set_hash[:12]}")
        known = row.ticker in features.tickers
        if not known or not np.array_equal(
            features.values[-1, features.tickers.index(row.ticker)], row.values, equal_nan=True
        ):
            wrong.append(row)
    return wrong


def _finished(config: Config, history: MarketHistory, until: datetime) -> MarketView:
    """The market at the newest morning run up to `until` whose session before it has bars."""
    view = history.serve(until)
    for session in reversed(view.panel.sessions[-2:].tolist()):
        morning = morning_after(config, session)
        if morning <= until:
            return history.serve(morning)
    raise DataMissing(f"no session of this market was over and read by a morning run at {until:%Y-%m-%d %H:%M} UTC")
