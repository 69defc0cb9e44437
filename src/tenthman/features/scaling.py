"""Features made comparable across time: each as a rank among the tickers of its session.

A level (volatility, RSI, a return) says as much about the week as about the ticker, and a model given levels learns
the weeks of its history by heart. A rank says only how a ticker stands among the others.
"""

import numpy as np

from tenthman.domain.features import FeaturePanel
from tenthman.features.windows import ranks

DEFINITION = "ranked-2"
PREFIX = "rank_"

AT_ONCE = 2**16
"""So many values are sorted together: they stay near the processor, and need little memory beside the output."""

Mask = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


def ranked(features: FeaturePanel, among: Mask) -> FeaturePanel:
    """Every feature as a rank from 0 (lowest) to 1 (highest) within its session, named `rank_` and its name.

    `among` (bool, sessions x tickers) says who is compared: those of them that have a value in the session; ties share
    their mean. NaN for all others, where the value is NaN, and where only one ticker has one. ValueError for a mask of
    another shape.
    """
    if among.shape != features.values.shape[:2]:
        raise ValueError(f"`among` must have shape {features.values.shape[:2]}, was {among.shape}")
    values = np.empty(features.values.shape)
    rows, tickers, names = len(values), len(features.tickers), len(features.names)
    step = max(1, AT_ONCE // max(1, tickers * names))
    for first in range(0, rows, step):
        block = slice(first, first + step)
        compared = np.where(among[block, :, np.newaxis], features.values[block], np.nan).transpose(0, 2, 1)
        mine = ranks(compared.reshape(-1, tickers))
        values[block] = mine.reshape(-1, names, tickers).transpose(0, 2, 1)
    return FeaturePanel(
        sessions=features.sessions,
        tickers=features.tickers,
        names=tuple(f"{PREFIX}{name}" for name in features.names),
        values=values,
        definitions=(*features.definitions, DEFINITION),
    )
