"""Tuning: which settings order the tickers best out of fold, one trial after the other in a study kept in PostgreSQL.

A study can be interrupted at any point and goes on as if it had not been; equal data, settings and seed give equal
trials. What is tuned has been chosen by looking: every trial counts against the Sharpe ratio it leads to.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
from psycopg.conninfo import conninfo_to_dict

from tenthman.config import SignalModelSettings
from tenthman.domain.canonical import content_hash
from tenthman.domain.errors import SetupError
from tenthman.domain.features import FeaturePanel
from tenthman.ml import labels as labelling
from tenthman.ml import training
from tenthman.ml.labels import BUY, SELL, Labels, Mask
from tenthman.ml.measures import rank_ic
from tenthman.ml.training import Grow, grow_here, usable_rows
from tenthman.ml.walk_forward import Block, blocks, run_blocks

SCHEMA = "optuna"
"""Where the study's tables live: they are Optuna's own and never mix with the desk's."""

SPREAD_PENALTY = 0.5
"""A trial's value is the mean rank IC of its folds less so many of their standard deviations."""

MIN_FOR_IMPORTANCES = 4

_INPUTS = "inputs"
_OPENING = "tenthman: opening the tables of studies"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A finished trial. `number` counts from 1; `key` names it among all trials of a market, for counting it once.

    `value` is what it scored, over the folds it reached when it was `pruned`. `best_value` is the best unpruned one
    up to and including this trial, None while there is none.
    """

    number: int
    key: str
    parameters: Mapping[str, float | int]
    value: float
    pruned: bool
    best_value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """The best settings, what they scored out of fold, and every finished trial of the study, in order.

    `importances` are shares of the spread in value that each parameter explains (fANOVA; Hutter et al., 2014), empty
    below four unpruned trials.
    """

    settings: SignalModelSettings
    trials_total: int
    best_value: float
    importances: Mapping[str, float]
    trials: tuple[Trial, ...]


OnTrial = Callable[[Trial], None]


def tune(
    features: FeaturePanel,
    labels: Labels,
    eligible: Mask,
    settings: SignalModelSettings,
    horizon_sessions: int,
    storage_url: str,
    study_name: str,
    trials: int,
    on_trial: OnTrial,
    grow: Grow = grow_here,
) -> Tuned:
    """Try settings within `settings.tuning` until the study has `trials` finished ones; `on_trial` hears of new ones.

    The first trial is `settings` itself where it lies within the bounds; the others are drawn by a tree-structured
    Parzen estimator (Bergstra et al., 2011) seeded with `settings.seed`, and pruned when they fall behind the median
    after a fold. The caller cuts the data: everything in the panels may be learnt from.
    Raises DataMissing when there is too little of it, SetupError when the study was begun on other data or settings
    or is under way elsewhere, ValueError for `trials` below 1.
    """
    if trials < 1:
        raise ValueError(f"`trials` must be at least 1, was {trials}")
    chosen = blocks(usable_rows(features, labels, eligible), settings, horizon_sessions)
    inputs = _fingerprint(features, labels, eligible, settings, horizon_sessions)
    with _alone(storage_url, study_name), _study(storage_url, study_name, inputs) as study:
        while (done := len(_finished(study, study_name))) < trials:
            trial = _ask(study, settings, done)
            tried = SignalModelSettings.model_validate({**settings.model_dump(), **trial.params})
            ics = _rank_ics(features, labels, eligible, tried, horizon_sessions, chosen, grow)
            _run(study, trial, ics, len(chosen))
            on_trial(_finished(study, study_name)[-1])
        finished = _finished(study, study_name)
        return Tuned(
            settings=SignalModelSettings.model_validate({**settings.model_dump(), **study.best_params}),
            trials_total=len(finished),
            best_value=float(study.best_value),
            importances=_importances(study, settings.seed),
            trials=finished,
        )


def _rank_ics(
    features: FeaturePanel,
    labels: Labels,
    eligible: Mask,
    settings: SignalModelSettings,
    horizon_sessions: int,
    chosen: tuple[Block, ...],
    grow: Grow,
) -> Iterator[float]:
    """Mean rank IC of one fold after the other; 0 where there was nothing to put in order."""
    for tested in run_blocks(features, labels, eligible, settings, horizon_sessions, chosen, grow):
        score = tested.probabilities[:, BUY] - tested.probabilities[:, SELL]
        found = rank_ic(score, tested.y, tested.row, horizon_sessions)
        yield 0.0 if found is None else found.mean


def _run(study: Any, trial: Any, ics: Iterator[float], folds: int) -> None:
    from optuna.trial import TrialState

    seen: list[float] = []
    for ic in ics:
        seen.append(ic)
        value = float(np.mean(seen) - SPREAD_PENALTY * np.std(seen))
        trial.report(value, len(seen))
        if len(seen) < folds and trial.should_prune():
            study.tell(trial, state=TrialState.PRUNED)
            return
    study.tell(trial, value)


def _ask(study: Any, settings: SignalModelSettings, done: int) -> Any:
    from optuna.samplers import TPESampler

    space = _space(settings)
    mine = {name: getattr(settings, name) for name in space}
    if not done and all(space[name].low <= value <= space[name].high for name, value in mine.items()):
        study.enqueue_trial(mine)
    # A generator of its own for each trial: one that goes on would draw again from the start after an interruption.
    seed = int(np.random.SeedSequence([settings.seed, done]).generate_state(1)[0])
    study.sampler = TPESampler(seed=seed)
    return study.ask(space)


def _space(settings: SignalModelSettings) -> dict[str, Any]:
    from optuna.distributions import FloatDistribution, IntDistribution

    bounds = settings.tuning
    return {
        "max_depth": IntDistribution(*bounds.max_depth),
        "learning_rate": FloatDistribution(*bounds.learning_rate, log=True),
        "min_child_weight": FloatDistribution(*bounds.min_child_weight, log=True),
        "subsample": FloatDistribution(*bounds.subsample),
        "colsample": FloatDistribution(*bounds.colsample),
    }


def _finished(study: Any, study_name: str) -> tuple[Trial, ...]:
    from optuna.trial import TrialState

    best: float | None = None
    found: list[Trial] = []
    for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED)):
        pruned = trial.state == TrialState.PRUNED
        if not pruned:
            best = trial.value if best is None else max(best, trial.value)
        found.append(
            Trial(
                number=len(found) + 1,
                key=content_hash([study_name, len(found), trial.params]),
                parameters=dict(trial.params),
                value=float(trial.value),
                pruned=pruned,
                best_value=best,
            )
        )
    return tuple(found)


def _importances(study: Any, seed: int) -> dict[str, float]:
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances
    from optuna.trial import TrialState

    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(complete) < MIN_FOR_IMPORTANCES or len({trial.value for trial in complete}) == 1:
        return {}
    found = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=seed))
    return {name: float(share) for name, share in found.items()}


def _fingerprint(
    features: FeaturePanel, labels: Labels, eligible: Mask, settings: SignalModelSettings, horizon_sessions: int
) -> str:
    """A hash of all that shapes the trials of a study."""
    digest = hashlib.sha256()
    for array in (features.values, labels.y, labels.end_row, eligible):
        digest.update(np.ascontiguousarray(array).data)
    return content_hash(
        [
            digest.hexdigest(),
            features.set_hash,
            settings.model_dump(mode="json", exclude={"entry_fraction", "exit_fraction", "threads"}),
            horizon_sessions,
            [labelling.CODE, training.CODE],
        ]
    )


@contextmanager
def _alone(storage_url: str, study_name: str) -> Iterator[None]:
    """See that nobody else works on the study meanwhile."""
    with psycopg.connect(storage_url, autocommit=True) as connection:
        taken = connection.execute(
            "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (f"tenthman: study {study_name}",)
        ).fetchone()
        if taken is None or not taken[0]:
            raise SetupError(f"study {study_name!r} is being tuned by another process; wait for it or stop it")
        yield


@contextmanager
def _study(storage_url: str, study_name: str, inputs: str) -> Iterator[Any]:
    """The study, new or as it was left; a trial that was cut short is given up."""
    import optuna
    from optuna.trial import TrialState
    from sqlalchemy.pool import NullPool

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with psycopg.connect(storage_url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (_OPENING,))
        connection.execute("CREATE SCHEMA IF NOT EXISTS optuna")
        storage = optuna.storages.RDBStorage(_engine_url(storage_url), engine_kwargs={"poolclass": NullPool})
    study = optuna.create_study(
        storage=storage,
        study_name=study_name,
        direction="maximize",
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=1),
        load_if_exists=True,
    )
    begun = study.user_attrs.get(_INPUTS)
    if begun is None:
        study.set_user_attr(_INPUTS, inputs)
    elif begun != inputs:
        raise SetupError(
            f"study {study_name!r} must go on with data and settings {inputs[:12]}, was begun with {begun[:12]}"
        )
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING, TrialState.WAITING)):
        study.tell(trial.number, state=TrialState.FAIL)
    try:
        yield study
    finally:
        storage.remove_session()


def _engine_url(conninfo: str) -> str:
    """The same database for SQLAlchemy, with Optuna's schema as the only one on the path."""
    from sqlalchemy.engine import URL

    held = {name: str(value) for name, value in conninfo_to_dict(conninfo).items()}
    held["options"] = f"{held.get('options', '')} -csearch_path={SCHEMA}".strip()
    return URL.create(
        "postgresql+psycopg",
        username=held.pop("user", None),
        password=held.pop("password", None),
        database=held.pop("dbname", None),
        query=held,
    ).render_as_string(hide_password=False)
