"""What the model must beat to be worth its trees: a linear model of the same rows, the class shares, always HOLD."""

import numpy as np

from tenthman.domain.market import Floats
from tenthman.ml.labels import HOLD
from tenthman.ml.measures import Integers

LINEAR, PRIOR, ALWAYS_HOLD = "linear", "prior", "always_hold"
MAX_ROWS = 50_000
"""Of more rows a sample is drawn: a few weights, or a mean, are known well enough from so many."""


def linear(values: Floats, y: Integers, weight: Floats, asked: Floats, seed: int) -> Floats:
    """Probabilities (rows, 3) for `asked` by multinomial logistic regression on `values` (rows, features).

    Features are centred and scaled by the training rows; an undefined one counts as their mean, which of ranks is the
    middle. All three classes must occur in `y`.
    """
    from sklearn.linear_model import LogisticRegression

    drawn = sample(len(y), seed)
    values, y, weight = values[drawn], y[drawn], weight[drawn]
    middle, spread = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    spread[spread == 0.0] = 1.0
    fitted = LogisticRegression(max_iter=1000).fit(_filled((values - middle) / spread), y, sample_weight=weight)
    return np.asarray(fitted.predict_proba(_filled((asked - middle) / spread)), dtype=np.float64)


def sample(count: int, seed: int) -> Integers:
    """Places of at most MAX_ROWS of `count` rows, in order; the same for the same seed."""
    if count <= MAX_ROWS:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, MAX_ROWS, replace=False))


def prior(shares: Floats, count: int) -> Floats:
    """The class shares of the training rows for everyone."""
    return np.tile(shares, (count, 1))


def always_hold(count: int) -> Floats:
    """Sure of HOLD for everyone."""
    return np.tile(np.eye(3)[HOLD], (count, 1))


def _filled(values: Floats) -> Floats:
    return np.where(np.isnan(values), 0.0, values)
