"""Features: what a model reads, for every ticker and session at once."""

from dataclasses import dataclass, replace

import numpy as np

from tenthman.domain.canonical import content_hash
from tenthman.domain.market import Floats, Sessions


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FeaturePanel:
    """Aligned features: `values` is float64 of shape (sessions, tickers, names), C order, read-only.

    NaN means that the feature is undefined there (no bar, or too little history); nothing is filled, nothing is
    infinite. The row of a session uses nothing that came after its close. `definitions` names the formulas, for
    example ("technical-1",): it changes whenever one of them does.
    """

    sessions: Sessions
    tickers: tuple[str, ...]
    names: tuple[str, ...]
    values: Floats
    definitions: tuple[str, ...]

    def __post_init__(self) -> None:
        shape = (len(self.sessions), len(self.tickers), len(self.names))
        if self.values.shape != shape or self.values.dtype != np.float64:
            raise ValueError(f"`values` must be float64 of shape {shape}, was {self.values.dtype} {self.values.shape}")
        if len(set(self.names)) != len(self.names):
            raise ValueError(f"`names` must be unique, were {self.names}")
        if np.isinf(self.values).any():
            infinite = [name for column, name in enumerate(self.names) if np.isinf(self.values[:, :, column]).any()]
            raise ValueError(f"`values` must be finite or NaN, were infinite in {infinite}")
        self.values.flags.writeable = False
        self.sessions.flags.writeable = False

    @property
    def set_hash(self) -> str:
        """SHA-256 of names (in order) and definitions: equal hashes mean that two panels speak of the same features."""
        return content_hash([self.names, self.definitions])

    def rows(self, start: int, stop: int) -> "FeaturePanel":
        """The sessions `start`..`stop` - 1, negative ones counted from the end as in a slice (a view of the values)."""
        return replace(self, sessions=self.sessions[start:stop].copy(), values=self.values[start:stop])

    def select(self, names: tuple[str, ...]) -> "FeaturePanel":
        """The features of these names, in that order (a copy). KeyError names one that is not there."""
        missing = [name for name in names if name not in self.names]
        if missing:
            raise KeyError(missing[0])
        return FeaturePanel(
            sessions=self.sessions,
            tickers=self.tickers,
            names=names,
            values=np.ascontiguousarray(self.values[:, :, [self.names.index(name) for name in names]]),
            definitions=self.definitions,
        )
