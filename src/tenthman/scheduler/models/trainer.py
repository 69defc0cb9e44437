"""Training by command: cut the market, tune if asked, judge by walk-forward, train, keep, and promote past the gate."""

import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Protocol

import numpy as np

from tenthman.config import Config, with_sections
from tenthman.data.calendar import sessions_between
from tenthman.db.pool import Pool
from tenthman.domain.errors import ConfigError
from tenthman.domain.market import Floats
from tenthman.ml import roles
from tenthman.ml.cluster_training import GROWN_ON, growing_on
from tenthman.ml.labels import BUY, SELL
from tenthman.ml.manifest import Manifest
from tenthman.ml.paper import paper_returns
from tenthman.ml.promotion import Evidence, GateCheck, gate, passes
from tenthman.ml.registry import Registry
from tenthman.ml.roles import Change
from tenthman.ml.sharpe import SharpeMoments, deflated_sharpe, scatter_of_trials, sharpe_moments
from tenthman.ml.training import Grow, grow_here
from tenthman.ml.training_metrics import shortfalls
from tenthman.ml.trials import TrialCount, record_ground, record_trial, trials
from tenthman.ml.tuning import Trial, Tuned, tune
from tenthman.ml.walk_forward import WalkForward, walk_forward
from tenthman.scheduler.clock import wall_now
from tenthman.scheduler.gathering.known import KnownMarket
from tenthman.scheduler.models.signal_model import (
    Material,
    labels_of,
    registry_of,
    save_trained,
    start_of,
    train_on,
    training_material,
)


class Watcher(Protocol):
    """Whoever watches a training: told what is being done, and of every trial of a tuning."""

    def stage(self, text: str) -> None: ...

    def trial(self, trial: Trial, total: int) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What is trained on: the sessions `first` to `last` of a market, of which there are `count`."""

    first: date
    last: date
    count: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trained:
    """A model in the registry, whether it was there before, how its recipe did, and the gate it faced."""

    version: str
    known_before: bool
    manifest: Manifest
    evaluation: Manifest
    tuned: Tuned | None
    trials: TrialCount
    checks: tuple[GateCheck, ...]


def span_of(sessions: Sequence[date], first: date | None, last: date | None, config: Config) -> Span:
    """The sessions from `first` to `last` (None: as far as there are any); ConfigError naming the bounds.

    There must be enough of them for the shortest history that `signal.min_history_sessions` allows and for the
    outcomes of its last session.
    """
    if first is not None and last is not None and first > last:
        raise ConfigError(f"`--from` must not be after `--until` {last}, was {first}")
    for name, day in (("--from", first), ("--until", last)):
        if day is not None and not sessions[0] <= day <= sessions[-1]:
            raise ConfigError(f"`{name}` must lie in the market's sessions {sessions[0]}..{sessions[-1]}, was {day}")
    inside = [day for day in sessions if (first is None or day >= first) and (last is None or day <= last)]
    needed = config.models.signal.min_history_sessions + config.risk_rules.stops.horizon_sessions
    if len(inside) < needed:
        raise ConfigError(
            f"`--from` and `--until` must leave at least {needed} sessions to train on "
            f"(`signal.min_history_sessions` and `stops.horizon_sessions`), {first or sessions[0]} to "
            f"{last or sessions[-1]} leave {len(inside)}"
        )
    return Span(first=inside[0], last=inside[-1], count=len(inside))


def train_market(
    config: Config,
    pool: Pool,
    market: KnownMarket,
    span: Span,
    *,
    whole: bool,
    tune_trials: int | None,
    watcher: Watcher,
    cluster: str | None = None,
) -> Trained:
    """A model of `span`, judged by walk-forward over it, in the registry and watched as a challenger.

    Nothing that became known after the New York day of the session after `span.last` began is touched. `whole`: the
    span was not cut at its beginning, so that the model is the one that a run starting then trains or finds. Training
    again on the same inputs gives the same model, and only what is missing is computed. `cluster`: the Dask scheduler
    whose workers grow all trees, those of tuning and walk-forward too; SetupError where it cannot.
    """
    config = config if whole else with_signal(config, history_sessions=span.count)
    tuned = None
    with nullcontext(grow_here) if cluster is None else growing_on(cluster) as grow:
        watcher.stage("computing features and labels")
        material = _material(config, market, span, None if cluster is None else GROWN_ON)
        record_ground(pool, market.market_id, material.panel)
        if tune_trials is not None:
            watcher.stage(f"tuning: {tune_trials} trials of {config.models.signal.walk_forward.folds} folds")
            tuned = _tune(config, pool, market, material, tune_trials, watcher, grow)
            config = with_signal(config, **tuned.settings.model_dump(include=set(tuned.trials[0].parameters)))
            material = replace(material, inputs=replace(material.inputs, settings=config.models.signal))
        registry = registry_of(config, pool)
        version, evaluation, known_before = _made(config, registry, market.market_id, material, watcher, grow)
    change = Change(reason="trained by command", changed_by="command: train", at=wall_now())
    roles.challenge(pool, market.market_id, version, change)
    return Trained(
        version=version,
        known_before=known_before,
        manifest=registry.manifest(version),
        evaluation=evaluation,
        tuned=tuned,
        trials=trials(pool, market.market_id),
        checks=gate_of(config, registry, version),
    )


def _made(
    config: Config, registry: Registry, market_id: str, material: Material, watcher: Watcher, grow: Grow
) -> tuple[str, Manifest, bool]:
    """The version of the model of `material`, its evaluation, and whether it was in the registry before."""
    known = registry.find(market_id, material.inputs.key)
    evaluation = None if known is None else registry.evaluation(known.version)
    if evaluation is None:
        watcher.stage(f"walk-forward over {config.models.signal.walk_forward.folds} folds")
        evaluation = _evaluate(config, registry.pool, market_id, material, grow)
    if known is None:
        watcher.stage("training")
        trained = train_on(config, material, grow)
        extra = {"walk_forward": evaluation["walk_forward"], "shortfalls": list(shortfalls(trained.metrics))}
        version = save_trained(config, registry, market_id, material, trained, extra)
    else:
        version = known.version
    if registry.evaluation(version) is None:
        registry.evaluate(version, evaluation, wall_now())
    return version, evaluation, known is not None


def start_after(session: date) -> datetime:
    """The instant at which the New York day of the session after `session` begins."""
    day = session + timedelta(days=1)
    return start_of(sessions_between(day, day + timedelta(days=14))[0].session)


def gate_of(config: Config, registry: Registry, version: str) -> tuple[GateCheck, ...]:
    """The gate's checks of a model, by its newest evaluation and the trials counted up to now.

    Without an evaluation nothing is known, and nothing passes.
    """
    found = registry.evaluation(version)
    count = trials(registry.pool, registry.manifest(version)["market_id"])
    return gate(_evidence(found, count), config.models.promotion)


def promote(config: Config, registry: Registry, version: str, reason: str, person: str) -> tuple[GateCheck, ...]:
    """Make `version` champion of its market if it passes the gate; returns the checks either way.

    DataMissing without such a model, DataCorrupt when a copy of it was altered.
    """
    registry.load(version)
    checks = gate_of(config, registry, version)
    if passes(checks):
        market_id = registry.manifest(version)["market_id"]
        change = Change(reason=reason, changed_by=person, at=wall_now(), checks=checks)
        roles.promote(registry.pool, market_id, version, change)
    return checks


def with_signal(config: Config, **changes: object) -> Config:
    """`config` with `changes` of the signal model's settings. ValidationError for one that they refuse."""
    signal = config.models.signal
    changed = type(signal).model_validate({**signal.model_dump(), **changes})
    return with_sections(config, models=config.models.model_copy(update={"signal": changed}))


def _material(config: Config, market: KnownMarket, span: Span, grown_on: str | None) -> Material:
    """What was known as the session after the span begins; rows before the span are only looked back on."""
    material = training_material(config, market.content_hash, market.history.serve(start_after(span.last)))
    eligible = material.eligible.copy()
    eligible[material.panel.sessions < np.datetime64(span.first, "D")] = False
    return replace(material, eligible=eligible, inputs=replace(material.inputs, grown_on=grown_on))


def _tune(
    config: Config, pool: Pool, market: KnownMarket, material: Material, total: int, watcher: Watcher, grow: Grow
) -> Tuned:
    def done(trial: Trial) -> None:
        record_trial(pool, market.market_id, trial.key, "tuned", wall_now())
        watcher.trial(trial, total)

    tuned = tune(
        material.features,
        labels_of(config, material),
        material.eligible,
        config.models.signal,
        config.risk_rules.stops.horizon_sessions,
        pool.conninfo if isinstance(pool.conninfo, str) else pool.conninfo(),
        f"{market.market_id}-{material.inputs.key[:16]}",
        total,
        done,
        grow,
    )
    for trial in tuned.trials:
        record_trial(pool, market.market_id, trial.key, "tuned", wall_now())
    return tuned


def _evaluate(config: Config, pool: Pool, market_id: str, material: Material, grow: Grow) -> dict[str, Any]:
    """How the recipe does out of fold; it is counted as a trial, with its Sharpe ratio on paper."""
    signal, horizon = config.models.signal, config.risk_rules.stops.horizon_sessions
    found = walk_forward(material.features, labels_of(config, material), material.eligible, signal, horizon, grow)
    moments = sharpe_moments(_paper(config, material, found))
    sharpe = None if math.isnan(moments.sharpe) else moments.sharpe
    record_trial(pool, market_id, material.inputs.recipe, "compared", wall_now(), sharpe)
    return {
        "walk_forward": found.described(),
        "paper": {
            "sessions": moments.count,
            "sharpe": sharpe,
            "skew": None if sharpe is None else moments.skew,
            "kurtosis": None if sharpe is None else moments.kurtosis,
        },
    }


def _paper(config: Config, material: Material, found: WalkForward) -> Floats:
    """Paper returns of the sessions that a fold predicted, but the last two, whose outcome is not known."""
    said = found.probabilities[:, :, BUY] - found.probabilities[:, :, SELL] - found.base_score[:, np.newaxis]
    costs = config.settings.costs
    returns = paper_returns(
        said,
        material.panel.open,
        material.eligible,
        horizon_sessions=config.risk_rules.stops.horizon_sessions,
        entry_fraction=config.models.signal.entry_fraction,
        cost_bp=costs.half_spread_bp + costs.open_slippage_bp,
    )
    first = int(np.flatnonzero(np.isfinite(found.base_score))[0])
    return returns[first:-2]


def _evidence(evaluation: Manifest | None, count: TrialCount) -> Evidence:
    if evaluation is None:
        return Evidence(deflated_sharpe=None, calibration_error=None, rank_ic_low=None, fold_rank_ics=())
    judged, folds = evaluation["walk_forward"]["model"], evaluation["walk_forward"]["folds"]
    information = judged["rank_ic"]
    return Evidence(
        deflated_sharpe=deflated(evaluation, count),
        calibration_error=judged["ece"],
        rank_ic_low=None if information is None else information["low"],
        fold_rank_ics=[0.0 if fold["model"]["rank_ic"] is None else fold["model"]["rank_ic"]["mean"] for fold in folds],
    )


def deflated(evaluation: Manifest, count: TrialCount) -> float | None:
    """The probability that the true Sharpe ratio on paper exceeds the expected maximum of `count` trials without skill.

    None: not known. How far trials scatter: `scatter_of_trials`.
    """
    paper = evaluation["paper"]
    if paper["sharpe"] is None:
        return None
    moments = SharpeMoments(
        count=paper["sessions"], sharpe=paper["sharpe"], skew=paper["skew"], kurtosis=paper["kurtosis"]
    )
    variance = scatter_of_trials(moments, count.variance_of_sharpes, count.with_sharpe)
    chance = deflated_sharpe(moments, max(1, count.n), variance)
    return None if math.isnan(chance) else chance
