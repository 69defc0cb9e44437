"""Who proposes live, who is only watched, and what is kept of both: champion, challengers, expiry and drift.

1. `live_models`: a newly trained model of the champion's own recipe takes its place; one of another recipe is watched.
2. `WatchedSight`: keeps what champion and challengers say of everyone, takes entries away from an expired champion,
   and raises an alert when the champion reads another world than it was trained on.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

import numpy as np
import structlog

from tenthman.config import Config
from tenthman.data.market import MarketView
from tenthman.db.pool import Pool
from tenthman.db.sql import load_queries
from tenthman.decision import Prepared
from tenthman.domain.audit import EventKind
from tenthman.domain.errors import DataCorrupt, DataError
from tenthman.domain.features import FeaturePanel
from tenthman.domain.market import NEW_YORK, Floats, Panel
from tenthman.domain.opinion import Action
from tenthman.domain.order import Book
from tenthman.ml import roles
from tenthman.ml.drift import RankDecay, rank_decay
from tenthman.ml.inference import SignalModel
from tenthman.ml.manifest import Manifest, expired
from tenthman.ml.registry import Registry
from tenthman.ml.roles import Change
from tenthman.scheduler.gathering.sight import Sight
from tenthman.scheduler.models.drift import drift_of, outcomes, score_panel
from tenthman.scheduler.models.signal_model import registry_of, trained_model

_SQL = load_queries("tenthman.scheduler.models", "challenger.sql")

RULE = "rule: live models"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LiveModels:
    """The model that proposes, its manifest, and those that are watched beside it."""

    champion: SignalModel
    manifest: Manifest
    challengers: tuple[SignalModel, ...]


class Events(Protocol):
    """Where alerts go: the run's ledger."""

    @property
    def run_id(self) -> str: ...

    def event(self, kind: EventKind, subject: str, payload: object, at: datetime) -> None: ...


def live_models(
    config: Config, pool: Pool, market_id: str, data_hash: str, view: MarketView, at: datetime
) -> LiveModels:
    """Train on what `view` serves, or find what was, and settle who proposes on the market.

    The market's first model is its champion. Later ones take over if they are of the champion's recipe (the same
    settings, features, label rules and code, trained on newer bars); others become challengers, and only
    `tenthman models promote` makes them champion.
    """
    registry = registry_of(config, pool)
    newest = trained_model(config, pool, market_id, data_hash, view)
    holder = roles.champion(pool, market_id)
    if holder is None:
        roles.promote(
            pool, market_id, newest.version, Change(reason="the market's first model", changed_by=RULE, at=at)
        )
    elif registry.manifest(holder)["recipe"] == registry.manifest(newest.version)["recipe"]:
        roles.promote(
            pool, market_id, newest.version, Change(reason="the champion's recipe, retrained", changed_by=RULE, at=at)
        )
    else:
        reason = f"not of the recipe of champion {holder}"
        roles.challenge(pool, market_id, newest.version, Change(reason=reason, changed_by=RULE, at=at))
    return _standing(registry, market_id)


def _standing(registry: Registry, market_id: str) -> LiveModels:
    version = roles.champion(registry.pool, market_id)
    if version is None:
        raise ValueError(f"market {market_id} must have a champion")
    return LiveModels(
        champion=registry.load(version),
        manifest=registry.manifest(version),
        challengers=tuple(registry.load(name) for name in roles.challengers(registry.pool, market_id)),
    )


class WatchedSight:
    """Sees what `inner` sees, and watches the models."""

    def __init__(
        self, inner: Sight, models: LiveModels, config: Config, pool: Pool, look: "Look", ledger: Events
    ) -> None:
        """`look` gives the view as of an instant without asking the source; `ledger` is the run that is watched."""
        self._inner, self._models, self._config = inner, models, config
        self._pool, self._look, self._ledger = pool, look, ledger

    def prepare(self, at: datetime, model: SignalModel, book: Book) -> Prepared:
        """As `inner` prepares; without a BUY, and with an alert, when the model has expired."""
        prepared = self._inner.prepare(at, model, book)
        keep_scores(self._pool, self._ledger.run_id, prepared, (model, *self._models.challengers))
        session = at.astimezone(NEW_YORK).date()
        if model.version == self._models.champion.version and expired(self._models.manifest, session):
            wished = sum(signal.action is Action.BUY for signal in prepared.signals)
            self._alert("model expired", {"expired": self._models.manifest["expires"], "entries_refused": wished}, at)
            return without_entries(prepared)
        return prepared

    def after_close(self, at: datetime) -> MarketView:
        """As `inner` does; then an alert when the champion has drifted, or that nobody can tell."""
        known = self._inner.after_close(at)
        try:
            found = drift_of(self._config, self._models.champion, self._models.manifest, self._look(at))
        except DataError as error:
            # It is watched, and what else the close does for the book must not wait for it.
            self._alert("drift not measured", {"cause": str(error)}, at)
            return known
        if found.alerts:
            self._alert("model drift", {"found": found.alerts}, at)
        return known

    def _alert(self, subject: str, what: dict[str, object], at: datetime) -> None:
        told = {"version": self._models.champion.version, **what}
        self._ledger.event(EventKind.ALERT, subject, told, at)
        log.warning(subject, **told)


class Look(Protocol):
    """What is known at an instant."""

    def __call__(self, at: datetime) -> MarketView: ...


def without_entries(prepared: Prepared) -> Prepared:
    """The same with every BUY turned into HOLD: nothing is entered, and what is held is decided as before."""
    signals = tuple(
        replace(signal, action=Action.HOLD) if signal.action is Action.BUY else signal for signal in prepared.signals
    )
    return replace(prepared, signals=signals)


def keep_scores(pool: Pool, run_id: str, prepared: Prepared, models: tuple[SignalModel, ...]) -> int:
    """Store what each of `models` says (p_buy - p_sell) of everyone prepared, once a run and instant; how many rows.

    All read the same features. A challenger of another feature set is left out, with a warning.
    """
    features, row = prepared.features, len(prepared.features.sessions) - 1
    tickers = tuple(prepared.facts)
    places = [features.tickers.index(ticker) for ticker in tickers]
    rows: list[tuple[object, ...]] = []
    session = features.sessions[row].item()
    for model in models:
        scores = _scores(model, features, row)
        if scores is None:
            continue
        rows += [
            (run_id, prepared.as_of, session, model.version, ticker, float(scores[place]))
            for ticker, place in zip(tickers, places, strict=True)
            if np.isfinite(scores[place])
        ]
    with pool.connection() as connection, connection.cursor() as cursor:
        cursor.executemany(_SQL["insert_score"], rows)
    return len(rows)


def live_rank_ics(config: Config, pool: Pool, run_id: str, panel: Panel) -> dict[str, RankDecay]:
    """Rank IC of what each model said in the run, by version, as far as `panel` knows what became of it.

    A session's last word counts. `validation` is None: what validation had shown is in the manifests.
    """
    with pool.connection() as connection:
        rows = connection.execute(_SQL["scores"], {"run": run_id}).fetchall()
    row_of = {session: row for row, session in enumerate(panel.sessions.tolist())}
    column_of = {ticker: column for column, ticker in enumerate(panel.tickers)}
    said: dict[str, Floats] = {}
    for version, session, ticker, score in rows:
        if session in row_of and ticker in column_of:
            scores = said.setdefault(version, np.full(panel.close.shape, np.nan))
            scores[row_of[session], column_of[ticker]] = score
    known = outcomes(config, panel, ~np.isnan(panel.close))
    horizon = config.risk_rules.stops.horizon_sessions
    return {version: rank_decay(scores, known, horizon, None) for version, scores in said.items()}


def newest_run_of(pool: Pool, first: str, second: str) -> str | None:
    """The newest run in which both models were asked; None when there is none."""
    with pool.connection() as connection:
        row = connection.execute(_SQL["newest_run_of_both"], {"versions": [first, second]}).fetchone()
    return None if row is None else str(row[0])


def _scores(model: SignalModel, features: FeaturePanel, row: int) -> Floats | None:
    last = FeaturePanel(
        sessions=features.sessions[[row]],
        tickers=features.tickers,
        names=features.names,
        values=np.ascontiguousarray(features.values[[row]]),
        definitions=features.definitions,
    )
    try:
        mine = model.read(last)
    except DataCorrupt as error:
        log.warning("model not asked", version=model.version, cause=str(error))
        return None
    result: Floats = score_panel(model, mine, np.asarray(~np.isnan(mine.values).all(axis=2)))[0]
    return result
