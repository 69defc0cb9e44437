"""The truncation test: a feature that sees only the past has the same values when the future is cut off.

What it finds is a leak. What it does not find may still leak where none of the cuts fell: more cuts find more.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from tenthman.domain.features import FeaturePanel


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """The first value of `feature` that changed once more was known: `value` with the history that ends at `cut`,
    `later` with the whole; None stands for undefined. `cells` is how many changed.
    """

    feature: str
    ticker: str
    session: date
    cut: date
    value: float | None
    later: float | None
    cells: int

    def __str__(self) -> str:
        return (
            f"{self.feature} of {self.ticker} in {self.session}: {_said(self.value)} with the history up to "
            f"{self.cut}, {_said(self.later)} with what came later ({self.cells:,} values changed)"
        )


def leaks(short: FeaturePanel, whole: FeaturePanel) -> Iterator[Leak]:
    """The first leak of each feature: cells of `short`, a history cut off, that differ in bits from those of `whole`.

    ValueError unless both have the same features of the same tickers, and `whole` begins with the sessions of `short`.
    """
    rows = len(short.sessions)
    if short.names != whole.names or short.tickers != whole.tickers:
        raise ValueError(f"features and tickers must not depend on how much is known: {_difference(short, whole)}")
    if not np.array_equal(short.sessions, whole.sessions[:rows]):
        raise ValueError("`whole` must begin with the sessions of `short`, which differ")
    for place, name in enumerate(short.names):
        mine, later = short.values[:, :, place], whole.values[:rows, :, place]
        changed = ~((mine == later) | (np.isnan(mine) & np.isnan(later)))
        if changed.any():
            row, column = (int(found[0]) for found in np.nonzero(changed))
            yield Leak(
                feature=name,
                ticker=short.tickers[column],
                session=short.sessions[row].item(),
                cut=short.sessions[-1].item(),
                value=_known(mine[row, column]),
                later=_known(later[row, column]),
                cells=int(np.count_nonzero(changed)),
            )


def cut_rows(sessions: int, cuts: int) -> NDArray[np.intp]:
    """After how many sessions to cut: `cuts` numbers spread over a history of that length, the last just before its
    end. ValueError when the history is too short for them."""
    if not 1 <= cuts < sessions:
        raise ValueError(f"`cuts` must be in 1..{sessions - 1} for {sessions} sessions, was {cuts}")
    spread = np.linspace(0, sessions - 1, cuts + 1)[1:]
    return np.unique(spread.astype(np.intp))


def _difference(short: FeaturePanel, whole: FeaturePanel) -> str:
    odd = sorted({*short.names} ^ {*whole.names}) or sorted({*short.tickers} ^ {*whole.tickers})
    return f"{', '.join(odd[:3]) or 'their order'} differ"


def _known(value: np.float64) -> float | None:
    return None if np.isnan(value) else float(value)


def _said(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.6g}"
