"""How well a trained model did on rows that it had not learnt from, and whether it beats what does without trees."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tenthman.config import SignalModelSettings
from tenthman.domain.market import Floats
from tenthman.ml import baselines
from tenthman.ml.calibration import Calibration, cross_fitted, uncalibrated
from tenthman.ml.measures import Integers, Scores, score

CLASS_NAMES = ("sell", "hold", "buy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """What rows say that neither trained the trees nor stopped them ("validation").

    `slope` is that of the calibration. `calibrated` are the model's scores with a slope fitted on the other half of
    the sessions, `uncalibrated` those of the trees alone, `baselines` ("linear", "prior", "always_hold") what does
    without trees; all on the same rows. `validation_mlogloss`, `prior_mlogloss` (class shares of the training rows),
    `rank_ic` and `rank_ic_sessions` repeat the main ones (None and 0 when no session has spread in both scores and
    classes). `class_shares` are of the training rows, by weight. Losses are multi-class log loss (nats);
    `train_mlogloss` is of at most 50,000 drawn training rows.
    """

    train_rows: int
    train_sessions: int
    stopping_rows: int
    stopping_sessions: int
    validation_rows: int
    validation_sessions: int
    rounds: int
    train_mlogloss: float
    validation_mlogloss: float
    prior_mlogloss: float
    rank_ic: float | None
    rank_ic_sessions: int
    class_shares: dict[str, float]
    slope: float
    calibrated: Scores
    uncalibrated: Scores
    baselines: dict[str, Scores]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answers:
    """What was said of the rows kept for validation, their classes and sessions.

    `margins` are those of the trees, `linear` the probabilities of the linear model, both of shape (rows, 3).
    """

    margins: Floats
    linear: Floats
    y: Integers
    row: Integers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Learnt:
    """How many rows and sessions trained and stopped the trees, and rows drawn from the training ones.

    `margins` (rows, 3) are what the trees say of those that were drawn, `y` their classes.
    """

    train_rows: int
    train_sessions: int
    stopping_rows: int
    stopping_sessions: int
    rounds: int
    margins: Floats
    y: Integers


def metrics_of(
    learnt: Learnt, answers: Answers, calibration: Calibration, settings: SignalModelSettings, horizon_sessions: int
) -> Metrics:
    """The metrics of a model, wherever its rows lie."""
    shares, raw, y = np.array(calibration.shares), answers.margins, answers.y
    plain = uncalibrated(shares)
    trained_as = plain.probabilities(learnt.margins)
    without = plain.probabilities(raw)
    with_slope = without
    if settings.calibration == "temperature":
        with_slope = cross_fitted(raw, y, answers.row, shares)
    said = {
        "calibrated": with_slope,
        "uncalibrated": without,
        baselines.LINEAR: answers.linear,
        baselines.PRIOR: baselines.prior(shares, len(y)),
        baselines.ALWAYS_HOLD: baselines.always_hold(len(y)),
    }
    scores = {name: score(given, y, answers.row, horizon_sessions) for name, given in said.items()}
    calibrated = scores.pop("calibrated")
    return Metrics(
        train_rows=learnt.train_rows,
        train_sessions=learnt.train_sessions,
        stopping_rows=learnt.stopping_rows,
        stopping_sessions=learnt.stopping_sessions,
        validation_rows=len(y),
        validation_sessions=len(np.unique(answers.row)),
        rounds=learnt.rounds,
        train_mlogloss=float(-np.log(trained_as[np.arange(len(learnt.y)), learnt.y]).mean()),
        validation_mlogloss=float(-np.log(with_slope[np.arange(len(y)), y]).mean()),
        prior_mlogloss=float(-np.log(shares)[y].mean()),
        rank_ic=None if calibrated.rank_ic is None else calibrated.rank_ic.mean,
        rank_ic_sessions=0 if calibrated.rank_ic is None else calibrated.rank_ic.sessions,
        class_shares={name: float(share) for name, share in zip(CLASS_NAMES, shares, strict=True)},
        slope=calibration.slope,
        calibrated=calibrated,
        uncalibrated=scores.pop("uncalibrated"),
        baselines=scores,
    )


def shortfalls(metrics: Metrics) -> Iterator[str]:
    """In what the model is no better than a baseline, in plain words; nothing when it beats them all."""
    mine = metrics.calibrated
    for name in (baselines.PRIOR, baselines.LINEAR):
        other = metrics.baselines[name]
        if mine.mlogloss is None or (other.mlogloss is not None and mine.mlogloss >= other.mlogloss):
            yield f"log loss no better than {name}: {_said(mine.mlogloss)} against {_said(other.mlogloss)}"
    theirs = metrics.baselines[baselines.LINEAR].rank_ic
    if mine.rank_ic is None:
        yield "no session had scores and classes with spread: its order says nothing"
        return
    if theirs is not None and mine.rank_ic.mean <= theirs.mean:
        yield f"rank IC no better than linear: {_said(mine.rank_ic.mean)} against {_said(theirs.mean)}"
    if mine.rank_ic.low is None or mine.rank_ic.high is None:
        yield f"rank IC {_said(mine.rank_ic.mean)} of {mine.rank_ic.sessions} sessions: too few to tell it from none"
    elif mine.rank_ic.low <= 0.0:
        yield (
            f"rank IC {_said(mine.rank_ic.mean)} not told from none: its 95 % interval is "
            f"{_said(mine.rank_ic.low)} to {_said(mine.rank_ic.high)}"
        )


def _said(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"
