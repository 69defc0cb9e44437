"""Putting blocks of features side by side."""

import numpy as np

from tenthman.domain.features import FeaturePanel


def concat(panels: tuple[FeaturePanel, ...]) -> FeaturePanel:
    """The features of all `panels` in order, for the same sessions and tickers.

    Raises ValueError when there is nothing to join, when sessions or tickers differ, or when a name occurs twice.
    """
    if not panels:
        raise ValueError("`panels` must hold at least 1 panel, was empty")
    first = panels[0]
    for panel in panels[1:]:
        if panel.tickers != first.tickers:
            raise ValueError(f"`panels` must share their tickers: {panel.definitions} differ from {first.definitions}")
        if not np.array_equal(panel.sessions, first.sessions):
            raise ValueError(f"`panels` must share their sessions: {panel.definitions} differ from {first.definitions}")
    return FeaturePanel(
        sessions=first.sessions,
        tickers=first.tickers,
        names=tuple(name for panel in panels for name in panel.names),
        values=np.concatenate([panel.values for panel in panels], axis=2),
        definitions=tuple(item for panel in panels for item in panel.definitions),
    )
