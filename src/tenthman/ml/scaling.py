"""Levels made comparable for a model that does not read ranks: fitted on training rows alone, kept in the model."""

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from tenthman.domain.errors import DataCorrupt
from tenthman.domain.market import Floats

Kind = Literal["ranks", "winsorised", "robust"]

SCALING = "scaling"
"""The booster's attribute that holds the scaling of what it reads; absent where it reads ranks as they are."""

TAIL = 0.01
_NORMAL_QUARTILES = 1.349  # the distance of a normal distribution's quartiles, in its deviations
_FARTHEST = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """One number a feature: values are cut to `low`..`high`, then `centre` is taken off and `spread` divides."""

    low: tuple[float, ...]
    high: tuple[float, ...]
    centre: tuple[float, ...]
    spread: tuple[float, ...]

    def scaled(self, values: Floats) -> Floats:
        """`values` (rows, features) in units of spread; NaN stays NaN."""
        found: Floats = (np.clip(values, self.low, self.high) - np.array(self.centre)) / np.array(self.spread)
        return found

    def dumped(self) -> str:
        """JSON that `parse` reads back to the bit."""
        return json.dumps(asdict(self), allow_nan=False)


def fit_scaling(kind: Kind, training: Floats) -> Scaling | None:
    """How `training` (rows, features) is spread; None for ranks, which are comparable already.

    winsorised: the outer 1 % on either side are pulled in (Winsor; Dixon, 1960), then mean and deviation. robust:
    median and quartiles (Huber, 1981), cut at five spreads. A feature that never moves has a spread of 1. Each feature
    must have a value in some row.
    """
    if kind == "ranks":
        return None
    if kind == "winsorised":
        low, high = np.nanquantile(training, [TAIL, 1.0 - TAIL], axis=0)
        held = np.clip(training, low, high)
        centre, spread = np.nanmean(held, axis=0), np.nanstd(held, axis=0)
        spread = np.where(spread > 0.0, spread, 1.0)
    else:
        first, centre, third = np.nanquantile(training, [0.25, 0.5, 0.75], axis=0)
        spread = (third - first) / _NORMAL_QUARTILES
        spread = np.where(spread > 0.0, spread, 1.0)
        low, high = centre - _FARTHEST * spread, centre + _FARTHEST * spread
    return Scaling(**{name: tuple(map(float, part)) for name, part in
                      {"low": low, "high": high, "centre": centre, "spread": spread}.items()})  # fmt: skip


def parse(text: str) -> Scaling:
    """What `Scaling.dumped` wrote; DataCorrupt for anything else."""
    try:
        held = json.loads(text)
        found = Scaling(**{name: tuple(map(float, part)) for name, part in held.items()})
    except (ValueError, TypeError, AttributeError) as error:
        raise DataCorrupt(f"`{SCALING}` of the model must be a scaling, was {text[:60]!r}") from error
    if len({len(part) for part in asdict(found).values()}) != 1:
        raise DataCorrupt(f"`{SCALING}` of the model must hold one number a feature in each part")
    return found


def as_read(booster: Any, values: Floats) -> Floats:
    """`values` (rows, features) as `booster` was taught to read them."""
    kept = booster.attr(SCALING)
    return values if kept is None else parse(kept).scaled(values)
