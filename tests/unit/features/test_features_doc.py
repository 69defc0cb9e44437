"""docs/features.md lists every feature, and the bar from which each is known."""

import re
from pathlib import Path

import numpy as np
import pytest

from tenthman.domain.market import FIELDS, Panel
from tenthman.features.panel import concat
from tenthman.features.relative import COMPOSITE, composite, relative
from tenthman.features.sentiment import NAMES, sentiment_features
from tenthman.features.technical import technical

PAGE = Path(__file__).parents[3] / "docs" / "features.md"
ROW = re.compile(r"^\| `(\w+)` \|.*\| (\d+) \|$", re.MULTILINE)
LENGTH = 260
TICKERS = ("A", "B", "C", "D", "INDEX")


@pytest.fixture(scope="module")
def first_known() -> dict[str, int]:
    """The number, from 1, of the bar on which each feature has its first value."""
    random = np.random.default_rng(2)
    shape = (LENGTH, len(TICKERS))
    close = 40.0 * np.cumprod(1.0 + random.normal(0.0, 0.02, shape), axis=0)
    fields = (close * 1.001, close * 1.01, close * 0.99, close, np.floor(random.lognormal(10.0, 1.0, shape)))
    sessions = np.datetime64("2015-01-01", "D") + np.arange(LENGTH)
    panel = Panel(sessions=sessions, tickers=TICKERS, **dict(zip(FIELDS, fields, strict=True)))
    members = np.tile([True, True, True, True, False], (LENGTH, 1))
    cutoffs = sessions.astype("datetime64[us]")
    news = sentiment_features([], TICKERS, sessions, cutoffs, 3.0)
    levels = concat((technical(panel, "INDEX"), relative(panel, ("X",) * 5, members), news))
    levels = concat((levels, composite(levels, members)))
    known = np.isfinite(levels.values[:, 0, :])
    return {name: int(np.argmax(known[:, place])) + 1 for place, name in enumerate(levels.names)}


def test_the_page_lists_every_feature_and_its_first_bar(first_known: dict[str, int]) -> None:
    told = {name: int(bar) for name, bar in ROW.findall(PAGE.read_text(encoding="utf-8"))}
    assert {*NAMES, COMPOSITE} <= set(told)
    assert told == first_known
