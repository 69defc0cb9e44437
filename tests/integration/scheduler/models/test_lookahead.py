"""Every feature that the desk computes, on a whole market, with its future cut off; and the command."""

from datetime import date
from pathlib import Path

import pytest
from tenthman_command import installed

from tenthman.config import load_config
from tenthman.data.calendar import sessions_between
from tenthman.domain.features import FeaturePanel
from tenthman.domain.market import MarketData
from tenthman.exchange.practice import make_with_answer
from tenthman.features.relative import SIGNS
from tenthman.scheduler.models.lookahead import Compute, look_ahead, shipped_features

LEAKY = "def tomorrow(panel):\n    import numpy\n    return numpy.roll(panel.close, -1, axis=0)\n"


@pytest.fixture(scope="module")
def market() -> MarketData:
    return make_with_answer(11, "planted", sessions_between(date(2018, 1, 2), date(2019, 6, 28)), 1.0).market


@pytest.fixture(scope="module")
def compute(market: MarketData, tmp_path_factory: pytest.TempPathFactory) -> Compute:
    home = str(tmp_path_factory.mktemp("home"))
    return shipped_features(load_config(None, {"TENTHMAN_HOME": home}), market)


@pytest.fixture(scope="module")
def whole(compute: Compute, market: MarketData) -> FeaturePanel:
    return compute(len(market.panel.sessions) - 1)


def test_no_feature_of_the_desk_changes_when_the_future_is_cut_off(compute: Compute, whole: FeaturePanel) -> None:
    assert {*SIGNS, "composite", "rank_composite", "adx_14"} <= set(whole.names)
    assert list(look_ahead(compute, whole, 4, lambda _done, _total: None)) == []


def test_the_command_ends_with_one_and_names_column_ticker_and_date(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(LEAKY, encoding="utf-8")
    command = installed(tmp_path / "home")
    asked = ("lookahead", "--market", "practice", "--cuts", "2", "--feature", "mine:tomorrow")
    answer = command(*asked)
    assert answer.code == 1
    assert "tomorrow of " in answer.out
    assert answer.complaints == ["error: look-ahead in 1 of 1 features: tomorrow"]
    assert command(*asked[:-1], "mine:today").complaints == [
        "error: `--feature` 'mine:today' cannot be had: AttributeError: module 'mine' has no attribute 'today'"
    ]
