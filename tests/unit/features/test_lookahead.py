"""The truncation test itself: what it names, and what it refuses."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from tenthman.domain.errors import ConfigError
from tenthman.domain.features import FeaturePanel
from tenthman.domain.market import FIELDS, Panel
from tenthman.features.lookahead import Leak, cut_rows, leaks
from tenthman.scheduler.models.lookahead import look_ahead, own_feature

SESSIONS = 40
OWN = """
import numpy as np

def honest(panel):
    out = np.full_like(panel.close, np.nan)
    out[1:] = panel.close[1:] / panel.close[:-1] - 1.0
    return out

def centred(panel):
    out = np.full_like(panel.close, np.nan)
    out[1:-1] = panel.close[2:] / panel.close[:-2] - 1.0
    return {"past": honest(panel), "centred": out}

def standardised(panel):
    return panel.close - panel.close.mean(axis=0)

def growing(panel):
    return {str(len(panel.close)): panel.close}

def flat(panel):
    return panel.close[:, 0]

def broken(panel):
    raise RuntimeError("no idea")

constant = 3.0
"""


@pytest.fixture(scope="module")
def panel() -> Panel:
    close = 50.0 + np.random.default_rng(5).normal(size=(SESSIONS, 3)).cumsum(axis=0)
    sessions = np.datetime64("2020-01-01") + np.arange(SESSIONS)
    return Panel(sessions=sessions, tickers=("A", "B", "C"), **{name: close.copy() for name in FIELDS})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("own")
    (made / "own_features_of_a_user.py").write_text(OWN, encoding="utf-8")
    return made


def found(name: str, folder: Path, panel: Panel, cuts: int = 4) -> list[Leak]:
    compute = own_feature(f"own_features_of_a_user:{name}", folder, panel)
    return list(look_ahead(compute, compute(SESSIONS), cuts, lambda _done, _total: None))


def test_a_feature_of_the_past_has_no_leak(folder: Path, panel: Panel) -> None:
    assert found("honest", folder, panel) == []


def test_a_leak_is_named_by_column_ticker_and_date_and_an_honest_column_beside_it_is_not(
    folder: Path, panel: Panel
) -> None:
    (leak,) = found("centred", folder, panel)
    assert (leak.feature, leak.ticker, leak.session, leak.cells) == ("centred", "A", date(2020, 1, 9), 3)
    assert leak.cut == leak.session
    assert leak.value is None
    assert leak.later == pytest.approx(float(panel.close[9, 0] / panel.close[7, 0] - 1.0))
    assert "centred of A in 2020-01-09: undefined with the history up to 2020-01-09" in str(leak)


def test_what_is_fitted_on_the_whole_history_leaks_from_its_first_session(folder: Path, panel: Panel) -> None:
    (leak,) = found("standardised", folder, panel)
    assert (leak.session, leak.cells) == (date(2020, 1, 1), 9 * 3)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("growing", "must not depend on how much is known"),
        ("flat", r"must be numbers of shape \(40, 3\)"),
        ("broken", "failed on 40 sessions: RuntimeError: no idea"),
        ("absent", "cannot be had"),
        ("constant", "must name a function"),
    ],
)
def test_what_is_no_feature_is_refused_in_one_sentence(name: str, said: str, folder: Path, panel: Panel) -> None:
    with pytest.raises(ConfigError, match=said):
        found(name, folder, panel)
    with pytest.raises(ConfigError, match="module:function"):
        own_feature("no_colon", folder, panel)


def test_cuts_are_spread_to_just_before_the_end_and_more_than_sessions_are_refused(folder: Path, panel: Panel) -> None:
    assert cut_rows(41, 4).tolist() == [10, 20, 30, 40]
    with pytest.raises(ValueError, match=r"in 1\.\.4 for 5 sessions, was 5"):
        cut_rows(5, 5)
    with pytest.raises(ConfigError, match="`cuts`"):
        found("honest", folder, panel, cuts=40)


def test_panels_of_other_sessions_are_refused() -> None:
    def block(first: str) -> FeaturePanel:
        days = np.datetime64(first) + np.arange(2)
        return FeaturePanel(
            sessions=days, tickers=("A",), names=("x",), values=np.zeros((2, 1, 1)), definitions=("t-1",)
        )

    with pytest.raises(ValueError, match="must begin with the sessions"):
        list(leaks(block("2020-01-01"), block("2020-01-02")))
