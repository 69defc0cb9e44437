"""The period of a rehearsal: its sessions, and whether models can be trained for all of them."""

import numpy as np

from tenthman.config import SignalModelSettings
from tenthman.domain.errors import ConfigError
from tenthman.domain.market import MarketData, Period, SessionHours


def sessions_of(market: MarketData, period: Period) -> tuple[SessionHours, ...]:
    """The sessions of `period`; ConfigError when the market has none there."""
    inside = tuple(
        item for item in market.hours[: len(market.panel.sessions)] if period.first <= item.session <= period.last
    )
    if not inside:
        raise ConfigError(f"the market has no session in {period.first}..{period.last}")
    return inside


def require_history(market: MarketData, period: Period, needed: int) -> None:
    """ConfigError when fewer than `needed` sessions precede the period, so that no model could be trained."""
    sessions = market.panel.sessions
    held = int(np.searchsorted(sessions, np.datetime64(period.first, "D")))
    if held >= needed:
        return
    way_out = f"begin after {sessions[needed]}" if needed < len(sessions) else "the whole market is too short"
    raise ConfigError(
        f"`--from` must leave at least {needed} sessions before it to train on (`signal.min_history_sessions` in "
        f"models.yaml), {period.first} leaves {held}: {way_out}"
    )


def require_fresh_models(market: MarketData, period: Period, signal: SignalModelSettings) -> None:
    """ConfigError when a model would expire within the period: then a live desk enters nothing, as no run does."""
    count, most, every = len(sessions_of(market, period)), signal.expires_after_sessions, signal.retrain_sessions
    if min(count, every or count) > most:
        raise ConfigError(
            f"`signal.retrain_sessions` in models.yaml must be at most {most} (`signal.expires_after_sessions`) for a "
            f"period of {count} sessions, was {every or 'null'}: an expired model enters nothing"
        )
