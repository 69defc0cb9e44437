"""Probabilities that mean what they say: temperature scaling (Guo et al., 2017) about the class shares.

The trees' margins m become softmax(slope * m + (1 - slope) * log shares): 1 leaves them as they are, towards 0 every
ticker gets the class shares of the training rows. One number, so that it cannot overfit; a ticker's odds of each class
against the shares keep their order, and a score without an opinion keeps its place.
"""

import json
from dataclasses import dataclass

import numpy as np

from tenthman.domain.errors import DataCorrupt
from tenthman.domain.market import Floats
from tenthman.ml.measures import Integers

LOWEST, HIGHEST = 0.05, 5.0
"""Bounds of the slope. The lower one is above 0 so that tickers keep their order even when nothing was learnt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """`slope` in LOWEST..HIGHEST and the class `shares` (SELL, HOLD, BUY) of the training rows, each above 0."""

    slope: float
    shares: tuple[float, float, float]

    def __post_init__(self) -> None:
        if not LOWEST <= self.slope <= HIGHEST:
            raise ValueError(f"`slope` must lie in {LOWEST}..{HIGHEST}, was {self.slope}")
        if not min(self.shares) > 0.0 or abs(sum(self.shares) - 1.0) > 1e-6:
            raise ValueError(f"`shares` must be above 0 and add up to 1, were {self.shares}")

    def probabilities(self, margins: Floats) -> Floats:
        """Calibrated probabilities (rows, 3) of the trees' `margins` (rows, 3); each row by itself."""
        anchor = (1.0 - self.slope) * np.log(np.array(self.shares))
        scaled = self.slope * margins.astype(np.float64) + anchor
        raised = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        # Written out: how numpy adds along an axis depends on the shape, and a row must not depend on its batch.
        total = raised[:, 0] + raised[:, 1] + raised[:, 2]
        result: Floats = raised / total[:, np.newaxis]
        return result

    def dumped(self) -> str:
        """As JSON, to the bit."""
        return json.dumps({"slope": self.slope, "shares": self.shares})


def parse(text: str) -> Calibration:
    """What `Calibration.dumped` wrote. DataCorrupt when it is something else."""
    try:
        held = json.loads(text)
        sell, hold, buy = (float(share) for share in held["shares"])
        return Calibration(slope=float(held["slope"]), shares=(sell, hold, buy))
    except (ValueError, KeyError, TypeError) as error:
        raise DataCorrupt(f"`calibration` must hold a slope and three shares, was {text[:80]!r}: {error}") from error


def uncalibrated(shares: Floats) -> Calibration:
    """The margins' own probabilities."""
    return Calibration(slope=1.0, shares=(float(shares[0]), float(shares[1]), float(shares[2])))


def fit(margins: Floats, y: Integers, shares: Floats) -> Calibration:
    """The slope with the least log loss on rows that neither trained the trees nor stopped them (convex: one best)."""
    from scipy.optimize import minimize_scalar

    start = uncalibrated(shares)
    anchor = np.log(np.array(start.shares))
    apart = margins.astype(np.float64) - anchor

    def loss(slope: float) -> float:
        scaled = slope * apart + anchor
        return float((np.logaddexp.reduce(scaled, axis=1) - scaled[np.arange(len(y)), y]).mean())

    found = minimize_scalar(loss, bounds=(LOWEST, HIGHEST), method="bounded", options={"xatol": 1e-4})
    return Calibration(slope=float(np.clip(found.x, LOWEST, HIGHEST)), shares=start.shares)


def cross_fitted(margins: Floats, y: Integers, row: Integers, shares: Floats) -> Floats:
    """Probabilities of rows whose slope was fitted on the other half of the sessions: an honest look at `fit`.

    The halves follow one another; labels at the seam overlap, which one number can hardly use. With a single session
    nothing is fitted.
    """
    sessions = np.unique(row)
    later = row >= sessions[len(sessions) // 2]
    if len(sessions) < 2:
        return uncalibrated(shares).probabilities(margins)
    result = np.empty(margins.shape)
    for half in (later, ~later):
        result[half] = fit(margins[~half], y[~half], shares).probabilities(margins[half])
    return result
