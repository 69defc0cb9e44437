"""CPU seconds to train the signal model beside bare XGBoost, and milliseconds to score 100 rows; one thread."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import resource
import time
from collections.abc import Callable

import numpy as np
import xgboost

from tenthman.config import SignalModelSettings, TuningSettings, WalkForwardSettings
from tenthman.domain.features import FeaturePanel
from tenthman.ml.inference import open_model, signals
from tenthman.ml.labels import UNKNOWN, Labels
from tenthman.ml.training import MAX_BINS, fit_rows, train, usable_rows

SESSIONS, TICKERS, FEATURES, HORIZON = 2_520, 100, 30, 10
ROUNDS = int(os.environ.get("BENCH_TRAINING_ROUNDS", "60"))
DEPTH = 5
LIMIT = 1.2


def made_up(seed: int) -> tuple[FeaturePanel, Labels]:
    """Ranks of which the first says a little about the class."""
    rng = np.random.default_rng(seed)
    values = rng.random((SESSIONS, TICKERS, FEATURES))
    values[rng.random(values.shape) < 0.02] = np.nan
    leaning = np.nan_to_num(values[:, :, 0], nan=0.5) + rng.normal(scale=1.0, size=values.shape[:2])
    y = np.digitize(leaning, (0.2, 0.9)).astype(np.int8)
    y[-HORIZON:] = UNKNOWN
    rows = np.broadcast_to(np.arange(SESSIONS, dtype=np.int32)[:, None], y.shape)
    features = FeaturePanel(
        sessions=np.datetime64("2010-01-04") + np.arange(SESSIONS),
        tickers=tuple(f"T{number:03}" for number in range(TICKERS)),
        names=tuple(f"rank_{number}" for number in range(FEATURES)),
        values=values,
        definitions=("made-up-1",),
    )
    return features, Labels(y=y, end_row=np.where(y == UNKNOWN, -1, rows + HORIZON).astype(np.int32))


def settings_of(rounds: int) -> SignalModelSettings:
    """Never stopped early, so that both sides grow the same number of trees."""
    return SignalModelSettings(
        seed=7,
        history_sessions=SESSIONS,
        min_history_sessions=300,
        validation_fraction=0.15,
        embargo_sessions=5,
        max_rounds=rounds,
        early_stopping_rounds=rounds,
        max_depth=DEPTH,
        learning_rate=0.05,
        min_child_weight=50,
        subsample=0.7,
        colsample=0.7,
        threads=1,
        entry_fraction=0.06,
        exit_fraction=0.06,
        retrain_sessions=None,
        expires_after_sessions=126,
        calibration="temperature",
        walk_forward=WalkForwardSettings(folds=5, window="rolling"),
        tuning=TuningSettings(
            max_depth=(2, 6),
            learning_rate=(0.01, 0.2),
            min_child_weight=(5, 500),
            subsample=(0.4, 1.0),
            colsample=(0.3, 1.0),
        ),
    )


def bare(values: np.ndarray, y: np.ndarray, settings: SignalModelSettings) -> None:
    """What XGBoost alone does with the same training rows."""
    matrix = xgboost.QuantileDMatrix(values.astype(np.float32), y, max_bin=MAX_BINS, nthread=1)
    parameters = {
        "objective": "multi:softprob",
        "num_class": 3,
        "tree_method": "hist",
        "max_bin": MAX_BINS,
        "max_depth": settings.max_depth,
        "learning_rate": settings.learning_rate,
        "min_child_weight": settings.min_child_weight,
        "subsample": settings.subsample,
        "colsample_bytree": settings.colsample,
        "seed": settings.seed,
        "nthread": 1,
    }
    xgboost.train(parameters, matrix, num_boost_round=settings.max_rounds)


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU seconds of the process for `work`."""
    began = time.process_time()
    work()
    return time.process_time() - began


def milliseconds(work: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Median and 99th percentile of some calls."""
    spent = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        spent.append((time.perf_counter() - began) * 1000.0)
    return float(np.median(spent)), float(np.quantile(spent, 0.99))


def main() -> None:
    """Print both sides' CPU seconds and their ratio, then scoring times."""
    features, labels = made_up(1)
    eligible = np.ones(labels.y.shape, dtype=np.bool_)
    settings = settings_of(ROUNDS)
    rows = fit_rows(features, labels, usable_rows(features, labels, eligible), settings_of(1), HORIZON).training
    alone = cpu_seconds(lambda: bare(rows.values, rows.y, settings))
    trained = []
    whole = cpu_seconds(lambda: trained.append(train(features, labels, eligible, settings, HORIZON)))
    alone = min(alone, cpu_seconds(lambda: bare(rows.values, rows.y, settings)))
    print(
        f"train: {len(rows.y):,} of {labels.y.size:,} rows x {FEATURES} features, {ROUNDS} rounds of depth {DEPTH}: "
        f"{whole:.2f} CPU s; bare xgb.train on the same rows {alone:.2f}; ratio {whole / alone:.2f} (at most {LIMIT})"
    )
    model = open_model(
        trained[0].artefact,
        version="bench",
        feature_names=features.names,
        feature_set_hash=features.set_hash,
    )
    values = features.values[-1]
    options = {"horizon_sessions": HORIZON, "entry_fraction": 0.06, "exit_fraction": 0.06}
    for name, rounds, work in (
        ("scores", 500, lambda: model.scores(values)),
        (
            "signals, none explained",
            200,
            lambda: signals(model, features, -1, features.tickers, **options, explained=()),
        ),
        ("signals, 12 explained", 50, lambda: signals(model, features, -1, features.tickers, **options)),
        ("all 100 explained", 10, lambda: model.contributions(values)),
    ):
        middle, slow = milliseconds(work, rounds)
        print(f"{name}: 100 rows, median {middle:.2f} ms, 99 % {slow:.2f} ms ({rounds} rounds)")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
