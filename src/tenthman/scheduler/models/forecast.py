"""Signals to look at: what a model says of every member at an instant, with reasons; nothing is decided or sent."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

import numpy as np

from tenthman.config import Config
from tenthman.data.market import MarketView
from tenthman.db.pool import Pool
from tenthman.decision import prepare
from tenthman.domain.errors import ConfigError, DataMissing
from tenthman.domain.market import NEW_YORK
from tenthman.domain.opinion import Action, Signal
from tenthman.ml import roles
from tenthman.ml.inference import SignalModel, signals
from tenthman.ml.manifest import expired
from tenthman.scheduler.gathering.known import KnownMarket
from tenthman.scheduler.models.signal_model import registry_of, trained_model


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Signals as of an instant, by falling excess, ties by ticker. `session` is the last bar read.

    `chosen` says why this model and no other; an `expired` one proposes no BUY. `skipped` says who sits out, and why.
    """

    as_of: datetime
    session: date
    model_version: str
    trained_until: date
    chosen: str
    expired: bool
    signals: tuple[Signal, ...]
    skipped: dict[str, str]


def forecast(config: Config, pool: Pool, market: KnownMarket, as_of: datetime, version: str | None) -> Forecast:
    """What `version` says as of `as_of`; without one the market's champion, else the model of the configuration.

    Tickers are taken at their last close. A model that was trained on bars after the last one known is refused
    (ConfigError); one of another feature set raises DataCorrupt, an unknown version DataMissing.
    """
    view = market.history.serve(as_of)
    last = view.last_session
    if last is None:
        raise DataMissing(f"`--as-of` must lie after the market's first session, was {as_of.isoformat()}")
    model, chosen = model_for(config, pool, market, view, version)
    registry = registry_of(config, pool)
    manifest = registry.manifest(model.version)
    trained_until = date.fromisoformat(manifest["trained_until"])
    prepared = prepare(view, model, last_closes(view), config)
    found = signals(
        model,
        prepared.features,
        len(prepared.features.sessions) - 1,
        tuple(prepared.facts),
        horizon_sessions=config.risk_rules.stops.horizon_sessions,
        entry_fraction=config.models.signal.entry_fraction,
        exit_fraction=config.models.signal.exit_fraction,
        explained=frozenset(Action),
    )
    late = expired(manifest, as_of.astimezone(NEW_YORK).date())
    if late:
        found = tuple(replace(item, action=Action.HOLD) if item.action is Action.BUY else item for item in found)
    return Forecast(
        as_of=as_of,
        session=last,
        model_version=model.version,
        trained_until=trained_until,
        chosen=chosen,
        expired=late,
        signals=tuple(sorted(found, key=lambda item: (-item.excess, item.ticker))),
        skipped=dict(sorted(prepared.skipped.items())),
    )


def last_closes(view: MarketView) -> dict[str, Decimal]:
    """The last session's closes; tickers without one are left out."""
    close = view.panel.close[-1]
    return {
        ticker: Decimal(repr(float(close[place])))
        for place, ticker in enumerate(view.panel.tickers)
        if np.isfinite(close[place])
    }


def model_for(
    config: Config, pool: Pool, market: KnownMarket, view: MarketView, version: str | None
) -> tuple[SignalModel, str]:
    """The model that speaks of `market` as of `view`, and why this one; ConfigError for one that has seen more."""
    registry = registry_of(config, pool)
    if version is not None:
        return _not_ahead(registry.load(version), registry.manifest(version)["trained_until"], view), "named"
    champion = roles.champion(pool, market.market_id)
    if champion is not None and _until(registry.manifest(champion)["trained_until"], view):
        return registry.load(champion), "the market's champion"
    model = trained_model(config, pool, market.market_id, market.content_hash, view)
    return model, "of the configuration, trained on what was known then"


def _until(trained_until: str, view: MarketView) -> bool:
    """Whether a model trained until then has seen no bar that `view` does not serve."""
    return view.last_session is not None and date.fromisoformat(trained_until) <= view.last_session


def _not_ahead(model: SignalModel, trained_until: str, view: MarketView) -> SignalModel:
    if not _until(trained_until, view):
        raise ConfigError(
            f"model {model.version} was trained until {trained_until} and has seen what came after "
            f"{view.last_session}, the last session known at {view.as_of.isoformat()}: name an earlier model or a "
            "later instant"
        )
    return model
