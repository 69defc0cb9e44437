"""Tuning on a real PostgreSQL: the same trials every time, interrupted or not, apart from the desk's own tables."""

from collections.abc import Iterator

import numpy as np
import optuna
import psycopg
import pytest
from tenthman_training import signal_settings

from tenthman.config import SignalModelSettings, TuningSettings
from tenthman.domain.errors import SetupError
from tenthman.domain.features import FeaturePanel
from tenthman.ml.labels import UNKNOWN, Labels
from tenthman.ml.tuning import Trial, Tuned, _run, tune

HORIZON = 2
SETTINGS = signal_settings(
    min_history_sessions=80,
    validation_fraction=0.25,
    embargo_sessions=1,
    max_rounds=4,
    early_stopping_rounds=4,
    max_depth=2,
    learning_rate=0.3,
    min_child_weight=1,
    subsample=1.0,
    calibration="none",
    walk_forward={"folds": 2, "window": "rolling"},
    tuning={
        "max_depth": (1, 3),
        "learning_rate": (0.05, 0.5),
        "min_child_weight": (1, 20),
        "subsample": (0.5, 1.0),
        "colsample": (0.5, 1.0),
    },
)


class Interrupted(Exception):
    pass


@pytest.fixture(scope="module")
def features() -> FeaturePanel:
    return FeaturePanel(
        sessions=np.datetime64("2019-01-01") + np.arange(130),
        tickers=tuple(f"T{number:02}" for number in range(12)),
        names=("x", "y"),
        values=np.random.default_rng(1).normal(size=(130, 12, 2)),
        definitions=("test-1",),
    )


@pytest.fixture(scope="module")
def labels(features: FeaturePanel) -> Labels:
    noise = np.random.default_rng(2).normal(size=features.values.shape[:2])
    y = np.digitize(features.values[:, :, 0] + noise, (-0.7, 0.7)).astype(np.int8)
    y[-HORIZON:] = UNKNOWN
    rows = np.broadcast_to(np.arange(130, dtype=np.int32)[:, None], y.shape)
    return Labels(y=y, end_row=np.where(y == UNKNOWN, -1, rows + HORIZON).astype(np.int32))


def study(
    url: str,
    features: FeaturePanel,
    labels: Labels,
    *,
    name: str = "one",
    trials: int = 4,
    settings: SignalModelSettings = SETTINGS,
    stop_at: int | None = None,
) -> tuple[Tuned, list[Trial]]:
    heard: list[Trial] = []

    def listen(trial: Trial) -> None:
        heard.append(trial)
        if trial.number == stop_at:
            raise Interrupted

    everyone = np.ones(labels.y.shape, dtype=bool)
    return tune(features, labels, everyone, settings, HORIZON, url, name, trials, listen), heard


def test_the_same_seed_and_data_give_the_same_trials_even_when_the_study_was_interrupted(
    fresh_database_url: str, features: FeaturePanel, labels: Labels
) -> None:
    whole, heard = study(fresh_database_url, features, labels)
    assert [trial.number for trial in heard] == [1, 2, 3, 4]
    assert whole.trials == tuple(heard)
    assert len({trial.key for trial in heard}) == len({str(trial.parameters) for trial in heard}) == 4

    with pytest.raises(Interrupted):
        study(fresh_database_url, features, labels, name="two", stop_at=2)
    leave_a_trial_running(fresh_database_url)
    resumed, rest = study(fresh_database_url, features, labels, name="two")
    assert [trial.number for trial in rest] == [3, 4]
    assert [(trial.parameters, trial.value) for trial in resumed.trials] == [
        (trial.parameters, trial.value) for trial in whole.trials
    ]
    assert (resumed.settings, resumed.best_value) == (whole.settings, whole.best_value)

    again, nothing = study(fresh_database_url, features, labels)
    assert nothing == []
    assert again == whole


def leave_a_trial_running(url: str) -> None:
    """What a process that is killed in the middle of a trial leaves behind."""
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO optuna.trials (number, study_id, state, datetime_start)"
            " SELECT 2, study_id, 'RUNNING', now() FROM optuna.studies WHERE study_name = 'two'"
        )


def test_the_first_trial_is_the_settings_as_they_are_and_the_best_lie_within_the_bounds(
    fresh_database_url: str, features: FeaturePanel, labels: Labels
) -> None:
    tuned, heard = study(fresh_database_url, features, labels)
    assert heard[0].parameters == {name: getattr(SETTINGS, name) for name in TuningSettings.model_fields}
    assert tuned.trials_total == 4
    assert tuned.best_value == max(trial.value for trial in heard if not trial.pruned) == heard[-1].best_value
    best = next(trial for trial in heard if trial.value == tuned.best_value)
    assert tuned.settings == SETTINGS.model_copy(update=dict(best.parameters))
    assert tuned.importances == {} or abs(sum(tuned.importances.values()) - 1.0) < 1e-6
    for trial in heard:
        for name, (low, high) in SETTINGS.tuning:
            assert low <= trial.parameters[name] <= high


def test_the_study_has_a_schema_of_its_own(fresh_database_url: str, features: FeaturePanel, labels: Labels) -> None:
    def tables(connection: psycopg.Connection) -> dict[str, int]:
        rows = connection.execute("SELECT schemaname, count(*) FROM pg_tables GROUP BY schemaname").fetchall()
        return {schema: count for schema, count in rows if schema not in ("pg_catalog", "information_schema")}

    with psycopg.connect(fresh_database_url) as connection:
        before = tables(connection)
    study(fresh_database_url, features, labels, trials=1)
    with psycopg.connect(fresh_database_url) as connection:
        after = tables(connection)
    assert after.pop("optuna") > 5
    assert after == before


def test_a_study_of_other_data_or_settings_and_one_at_work_elsewhere_are_refused(
    fresh_database_url: str, features: FeaturePanel, labels: Labels
) -> None:
    study(fresh_database_url, features, labels, trials=1)
    with pytest.raises(SetupError, match="must go on with data and settings"):
        study(fresh_database_url, features, labels, settings=SETTINGS.model_copy(update={"seed": 4}))
    with psycopg.connect(fresh_database_url) as connection:
        connection.execute("SELECT pg_advisory_lock(hashtextextended('tenthman: study one', 0))")
        with pytest.raises(SetupError, match="'one' is being tuned by another process"):
            study(fresh_database_url, features, labels)
    with pytest.raises(ValueError, match="`trials` must be at least 1, was 0"):
        study(fresh_database_url, features, labels, trials=0)


def test_a_trial_that_falls_behind_the_median_after_a_fold_is_given_up() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", pruner=optuna.pruners.MedianPruner(5, 1))
    for _ in range(5):
        _run(study, study.ask(), iter([0.03, 0.05]), 2)
    asked: list[float] = []

    def ics() -> Iterator[float]:
        for ic in (0.01, 0.09):
            asked.append(ic)
            yield ic

    _run(study, study.ask(), ics(), 2)
    assert asked == [0.01]
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 5 + ["PRUNED"]
    assert study.trials[0].value == pytest.approx(0.04 - 0.5 * 0.01)
    assert study.trials[-1].value == pytest.approx(0.01)
