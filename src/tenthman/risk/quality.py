"""Data quality: names whose last bars are missing, or were flagged by whoever checked the data, are not entered."""

import numpy as np
from numpy.typing import NDArray

from tenthman.config import DataQualityRules
from tenthman.domain.market import Panel

Faults = NDArray[np.int32]
Flags = NDArray[np.bool_]


def faults_of(panel: Panel, rules: DataQualityRules | None, flagged: Flags | None = None) -> Faults:
    """How many of the last `rules.sessions` bars of each ticker are missing or flagged, up to and with each row.

    Shape (sessions, tickers) as the panel and `flagged` (None: nobody flags). Sessions before the panel begins count as
    missing; zeros where no rule asks.
    """
    bad = np.isnan(panel.close) if flagged is None else np.isnan(panel.close) | flagged
    if rules is None:
        return np.zeros(bad.shape, dtype=np.int32)
    padded = np.concatenate([np.ones((rules.sessions, bad.shape[1]), dtype=np.bool_), bad])
    total = np.cumsum(padded, axis=0, dtype=np.int32)
    return np.asarray(total[rules.sessions :] - total[: -rules.sessions])


def last_faults(panel: Panel, rules: DataQualityRules | None, flagged: Flags | None = None) -> NDArray[np.int32]:
    """The last row of `faults_of` (tickers,), from no more rows than it needs. The panel must hold a session.

    `flagged` ends with the panel's last row and has as many rows as the rule looks at, or more.
    """
    count = len(panel.sessions)
    needed = min(count, 1 if rules is None else rules.sessions)
    recent = panel.rows(count - needed, count)
    return np.asarray(faults_of(recent, rules, None if flagged is None else flagged[-needed:])[-1])
