"""Features made comparable across time: each as a rank among the tickers of its session.

A level (volatility, RSI, a return) says as much about the week as about the ticker, and a model given levels learns
the weeks of its history by heart. A rank says only how a ticker stands among the others.
"""

from tenthman.domain.features import FeaturePanel
from tenthman.features.windows import Mask, ranks

DEFINITION = "ranked-2"
PREFIX = "rank_"


def ranked(features: FeaturePanel, among: Mask) -> FeaturePanel:
    """Every feature as a rank from 0 (lowest) to 1 (highest) within its session, named `rank_` and its name.

    `among` (bool, sessions x tickers) says who is compared: those of them that have a value in the session; ties share
    their mean. NaN for all others, where the value is NaN, and where only one ticker has one. ValueError for a mask of
    another shape.
    """
    if among.shape != features.values.shape[:2]:
        raise ValueError(f"`among` must have shape {features.values.shape[:2]}, was {among.shape}")
    return FeaturePanel(
        sessions=features.sessions,
        tickers=features.tickers,
        names=tuple(f"{PREFIX}{name}" for name in features.names),
        values=ranks(features.values, among),
        definitions=(*features.definitions, DEFINITION),
    )
