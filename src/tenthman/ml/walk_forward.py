"""Walk-forward: a way of training judged over and over on what came later, purged and embargoed.

The sessions with labels are cut into folds one after the other. Each fold is predicted by a model of its own, trained
on rows before it whose label windows, with the embargo, end before the fold begins.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date

import numpy as np

from tenthman.config import SignalModelSettings
from tenthman.domain.errors import DataMissing
from tenthman.domain.features import FeaturePanel
from tenthman.domain.market import Floats
from tenthman.ml import baselines
from tenthman.ml.inference import margins
from tenthman.ml.labels import BUY, SELL, Labels, Mask
from tenthman.ml.measures import Integers, Scores, score
from tenthman.ml.training import Fitted, Grow, fit_rows, grow_here, usable_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Rows of sessions: trained on `train_from` until before `train_until`, tested on `test_from` to `test_until`."""

    train_from: int
    train_until: int
    test_from: int
    test_until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """One block's result: sessions tested, rows, the calibration's slope, and scores of model and baselines."""

    first_session: date
    last_session: date
    train_rows: int
    test_rows: int
    test_sessions: int
    rounds: int
    slope: float
    model: Scores
    linear: Scores
    prior: Scores

    @property
    def rank_ic(self) -> float:
        """Mean rank IC of the fold; 0 where scores or classes have no spread: it put nothing in order."""
        return 0.0 if self.model.rank_ic is None else self.model.rank_ic.mean


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WalkForward:
    """All folds, and what their rows say together (`model`, `linear`, `prior`).

    `probabilities` (sessions, tickers, 3) and `base_score` (sessions,) are what each fold's model said of everyone
    eligible with features, labelled or not; NaN outside the folds. The last fold goes on to the end of the panel.
    """

    folds: tuple[Fold, ...]
    model: Scores
    linear: Scores
    prior: Scores
    probabilities: Floats
    base_score: Floats

    @property
    def worst(self) -> Fold:
        """The fold with the lowest rank IC; the earliest of several."""
        return min(self.folds, key=lambda fold: fold.rank_ic)

    def described(self) -> dict[str, object]:
        """Folds and totals as plain JSON values, without the arrays."""
        totals = {name: asdict(getattr(self, name)) for name in ("model", "linear", "prior")}
        folds = [
            {
                **asdict(fold),
                "first_session": fold.first_session.isoformat(),
                "last_session": fold.last_session.isoformat(),
            }
            for fold in self.folds
        ]
        return {**totals, "worst_rank_ic": self.worst.rank_ic, "folds": folds}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tested:
    """A fitted block and what it said of the labelled rows it had never seen: `probabilities` (rows, 3)."""

    block: Block
    fitted: Fitted
    values: Floats
    y: Integers
    row: Integers
    probabilities: Floats


def blocks(usable: Mask, settings: SignalModelSettings, horizon_sessions: int) -> tuple[Block, ...]:
    """`settings.walk_forward.folds` blocks of equally many labelled sessions, the first as early as training allows.

    `usable` (bool, sessions x tickers) says which rows have labels and features. DataMissing with the counts when
    there are too few sessions.
    """
    sessions = np.flatnonzero(usable.any(axis=1))
    gap = horizon_sessions + settings.embargo_sessions
    first = settings.min_history_sessions + gap
    if len(sessions) < first + settings.walk_forward.folds:
        raise DataMissing(
            f"walk-forward over {settings.walk_forward.folds} folds needs at least {first} sessions with labels to "
            f"train on and one a fold, there were {len(sessions)}"
        )
    starts = [int(part[0]) for part in np.array_split(sessions[first:], settings.walk_forward.folds)]
    ends = [*starts[1:], len(usable)]
    reach = settings.history_sessions if settings.walk_forward.window == "rolling" else len(usable)
    return tuple(
        Block(train_from=max(0, start - reach), train_until=start - gap, test_from=start, test_until=end)
        for start, end in zip(starts, ends, strict=True)
    )


def run_blocks(
    features: FeaturePanel,
    labels: Labels,
    eligible: Mask,
    settings: SignalModelSettings,
    horizon_sessions: int,
    chosen: tuple[Block, ...],
    grow: Grow = grow_here,
) -> Iterator[Tested]:
    """Fit and test one block after the other. No row at or after a block's `train_until` shapes its model."""
    usable = usable_rows(features, labels, eligible)
    for block in chosen:
        known = np.zeros_like(usable)
        known[block.train_from : block.train_until] = usable[block.train_from : block.train_until]
        fitted = fit_rows(features, labels, known, settings, horizon_sessions, grow)
        asked = np.zeros_like(usable)
        asked[block.test_from : block.test_until] = usable[block.test_from : block.test_until]
        yield Tested(
            block=block,
            fitted=fitted,
            values=features.values[asked],
            y=labels.y[asked].astype(np.intp),
            row=np.nonzero(asked)[0],
            probabilities=fitted.calibration.probabilities(margins(fitted.booster, features.values[asked])),
        )


def walk_forward(
    features: FeaturePanel,
    labels: Labels,
    eligible: Mask,
    settings: SignalModelSettings,
    horizon_sessions: int,
    grow: Grow = grow_here,
) -> WalkForward:
    """Fit and test every fold that `settings.walk_forward` asks for; baselines beside it, on the same rows.

    Raises DataMissing when there are too few sessions or rows for a fold, ValueError for unlike shapes.
    """
    chosen = blocks(usable_rows(features, labels, eligible), settings, horizon_sessions)
    shape = features.values.shape[:2]
    probabilities, base_score = np.full((*shape, 3), np.nan), np.full(shape[0], np.nan)
    scorable = eligible & ~np.isnan(features.values).all(axis=2)
    folds, all_y, all_row = [], [], []
    said: dict[str, list[Floats]] = {"model": [], "linear": [], "prior": []}
    for tested in run_blocks(features, labels, eligible, settings, horizon_sessions, chosen, grow):
        fitted, span = tested.fitted, slice(tested.block.test_from, tested.block.test_until)
        given = {
            "model": tested.probabilities,
            "linear": baselines.linear(
                fitted.training.values, fitted.training.y, fitted.training.weight, tested.values, settings.seed
            ),
            "prior": baselines.prior(fitted.shares, len(tested.y)),
        }
        folds.append(_fold(features, tested, given, horizon_sessions))
        for name, values in given.items():
            said[name].append(values)
        all_y.append(tested.y)
        all_row.append(tested.row)
        probabilities[span][scorable[span]] = fitted.calibration.probabilities(
            margins(fitted.booster, features.values[span][scorable[span]])
        )
        base_score[span] = fitted.shares[BUY] - fitted.shares[SELL]
    y, row = np.concatenate(all_y), np.concatenate(all_row)
    totals = {name: score(np.concatenate(parts), y, row, horizon_sessions) for name, parts in said.items()}
    return WalkForward(folds=tuple(folds), probabilities=probabilities, base_score=base_score, **totals)


def _fold(features: FeaturePanel, tested: Tested, given: dict[str, Floats], horizon_sessions: int) -> Fold:
    scores = {name: score(values, tested.y, tested.row, horizon_sessions) for name, values in given.items()}
    first, last = features.sessions[tested.row[[0, -1]]].tolist()
    return Fold(
        first_session=first,
        last_session=last,
        train_rows=len(tested.fitted.training.y),
        test_rows=len(tested.y),
        test_sessions=len(np.unique(tested.row)),
        rounds=tested.fitted.booster.num_boosted_rounds(),
        slope=tested.fitted.calibration.slope,
        **scores,
    )
