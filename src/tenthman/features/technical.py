"""Technical features of daily bars.

A missing session is skipped: windows count the bars that a ticker has, and a return spans the gap. The feature itself
is NaN in a session without a bar, and until its window is full. Recursive features begin at a ticker's first bar of
the panel, as TA-Lib's do, so they depend (ever less) on where the panel begins. Ratios whose denominator is zero (a
flat price, no volume) are NaN. Returns are simple, not logarithmic. The formulas are in `features.fused`.
"""

import numpy as np

from tenthman.domain.features import FeaturePanel
from tenthman.domain.market import FIELDS, Floats, Panel

DEFINITION = "technical-1"

NAMES = (
    "return_1",
    "return_5",
    "return_20",
    "return_60",
    "momentum_120_20",
    "rsi_14",
    "macd_hist",
    "adx_14",
    "stochastic_14",
    "mfi_14",
    "obv_share_20",
    "volume_z_20",
    "atr_fraction_14",
    "realised_vol_20",
    "realised_vol_60",
    "gap_atr",
    "move_atr",
    "bollinger_z_20",
    "distance_52w_high",
    "donchian_20",
    "beta_60",
    "relative_strength_20",
)


def technical(panel: Panel, index_ticker: str) -> FeaturePanel:
    """All technical features of `panel`. `index_ticker` must be one of its columns (KeyError otherwise).

    Fractions and ratios have no unit; oscillators run from 0 to 100; volatility is an annual fraction.
    """
    # numba takes half a second to import, which a command that computes nothing need not wait for.
    from tenthman.features.fused import fill

    index_close = np.ascontiguousarray(panel.close[:, panel.column(index_ticker)])
    values = np.empty((*panel.close.shape, len(NAMES)))
    fill(_fields(panel), index_close, values)
    return FeaturePanel(
        sessions=panel.sessions.copy(), tickers=panel.tickers, names=NAMES, values=values, definitions=(DEFINITION,)
    )


def atr(panel: Panel, sessions: int) -> Floats:
    """Average true range in USD, shape (sessions, tickers) (Wilder, 1978: the first is a mean, then smoothed).

    NaN without a bar and for the first `sessions` bars of a ticker.
    """
    from tenthman.features.fused import average_true_ranges

    values = np.empty(panel.close.shape)
    average_true_ranges(_fields(panel), sessions, values)
    return values


def _fields(panel: Panel) -> tuple[Floats, ...]:
    """In the order of FIELDS; each contiguous, for which alone the compiled code is made."""
    return tuple(np.ascontiguousarray(getattr(panel, name)) for name in FIELDS)
