"""The lowest low of the last sessions, by hand."""

import numpy as np
from tenthman_markets import HALT, small_market

from tenthman.config import StructureRules
from tenthman.risk.structure import last_lows, lows_of

LOWS = (98.0, 95.0, None, 97.0, 99.0, 100.0)
BARS = {"AAA": [HALT if low is None else (101.0, 102.0, low, 101.0) for low in LOWS]}
RULES = StructureRules(sessions=3, least_atr=1.0, most_atr=4.0)


def test_missing_bars_are_passed_over_and_old_lows_forgotten() -> None:
    panel = small_market(BARS).panel
    column = panel.column("AAA")
    np.testing.assert_array_equal(lows_of(panel, RULES)[:, column], [98.0, 95.0, 95.0, 95.0, 97.0, 97.0])
    for row in range(1, len(LOWS) + 1):
        known = panel.rows(0, row)
        np.testing.assert_array_equal(last_lows(known, RULES), lows_of(panel, RULES)[row - 1])


def test_without_the_rule_nothing_is_known() -> None:
    panel = small_market(BARS).panel
    assert np.isnan(lows_of(panel, None)).all()
    assert np.isnan(last_lows(panel, None)).all()
