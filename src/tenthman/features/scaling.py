"""Features made comparable across time: each as a rank among the tickers of its session.

A level (volatility, RSI, a return) says as much about the week as about the ticker, and a model given levels learns
the weeks of its history by heart. A rank says only how a ticker stands among the others.
"""

import numpy as np

from tenthman.domain.features import FeaturePanel
from tenthman.features.windows import ranks

DEFINITION = "ranked-1"
PREFIX = "rank_"


def ranked(features: FeaturePanel, index_ticker: str) -> FeaturePanel:
    """Every feature as a rank from 0 (lowest) to 1 (highest) within its session, named `rank_` and its name.

    Among the tickers that have a value in the session, without `index_ticker`; ties share their mean. NaN for the
    index, where the value is NaN, and where only one ticker has one.
    """
    values = np.array(features.values)
    if index_ticker in features.tickers:
        values[:, features.tickers.index(index_ticker)] = np.nan
    for column in range(values.shape[2]):
        values[:, :, column] = ranks(values[:, :, column])
    return FeaturePanel(
        sessions=features.sessions,
        tickers=features.tickers,
        names=tuple(f"{PREFIX}{name}" for name in features.names),
        values=values,
        definitions=(*features.definitions, DEFINITION),
    )
