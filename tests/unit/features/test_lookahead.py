"""The truncation test itself: what it names, and what it refuses."""

import json
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from tenthman.domain.errors import ConfigError
from tenthman.domain.features import FeaturePanel
from tenthman.domain.market import FIELDS, Panel
from tenthman.features.lookahead import Leak, cut_rows, leaks
from tenthman.scheduler.models.lookahead import look_ahead
from tenthman.scheduler.models.own_feature import OwnFeature

SESSIONS = 40
LONG = 60.0
OWN = """
from pathlib import Path
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

def shifted(panel):
    out = np.full_like(panel.close, np.nan)
    out[:-1] = panel.close[1:]
    return out

def filled_back(panel):
    out = panel.close.copy()
    out[~np.isin(np.arange(len(out)), np.arange(0, len(out), 7))] = np.nan
    for row in range(len(out) - 2, -1, -1):
        out[row] = np.where(np.isnan(out[row]), out[row + 1], out[row])
    return out

def in_order(panel):
    return np.sort(panel.close, axis=0)

longest = []

def remembered(panel):
    if not longest or len(longest[0]) < len(panel.close):
        longest[:] = [panel.close]
    out = np.full_like(panel.close, np.nan)
    known = longest[0][1 : len(out) + 1]
    out[: len(known)] = known
    return out

def kept(panel):
    print("reading")
    return np.load(Path(__file__).with_name("kept.npy"))[: len(panel.close)]

def noise(panel):
    return np.random.default_rng().normal(size=panel.close.shape)

def broken(panel):
    raise RuntimeError("no\\nidea")

def leaving(panel):
    raise SystemExit(3)

def nothing(panel):
    return {}

def written(panel):
    panel.close[:] = 0.0

def later(panel):
    from tenthman.domain.features import FeaturePanel
    return FeaturePanel(sessions=panel.sessions[1:].copy(), tickers=panel.tickers, names=("x",),
                        values=panel.close[1:, :, None].copy(), definitions=("x-1",))

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
    compute = OwnFeature(f"own_features_of_a_user:{name}", folder, panel, LONG)
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
    ("name", "first"),
    [("shifted", date(2020, 1, 9)), ("filled_back", date(2020, 1, 9)), ("in_order", date(2020, 1, 1)),
     ("remembered", date(2020, 1, 9))],
)  # fmt: skip
def test_a_leak_is_found_however_it_comes_about(name: str, first: date, folder: Path, panel: Panel) -> None:
    (leak,) = found(name, folder, panel)
    assert (leak.feature, leak.session, leak.cut) == (name, first, date(2020, 1, 9))


def test_what_a_feature_reads_from_a_file_is_told_because_no_cut_reaches_it(
    folder: Path, panel: Panel, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(folder / "kept.npy", np.roll(panel.close, -1, axis=0))
    reading, plain = (OwnFeature(f"own_features_of_a_user:{name}", folder, panel, LONG) for name in ("kept", "honest"))
    assert list(look_ahead(reading, reading(SESSIONS), 4, lambda _done, _total: None)) == []
    plain(SESSIONS)
    assert (reading.opened, plain.opened) == ({"kept.npy"}, set())
    heard = capsys.readouterr()
    assert (heard.out, heard.err[:8]) == ("", "reading\n")


def test_what_python_writes_and_reads_of_a_module_itself_is_no_file_that_the_feature_opened(
    tmp_path: Path, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "compiled_for_a_user.py").write_text("def f(panel):\n    return panel.close\n", encoding="utf-8")
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    compute = OwnFeature("compiled_for_a_user:f", tmp_path, panel, LONG)
    compute(SESSIONS)
    assert list((tmp_path / "__pycache__").glob("*.pyc"))
    assert compute.opened == set()


def test_what_is_installed_beneath_the_folder_is_not_read_anew(
    folder: Path, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(folder))
    OwnFeature("own_features_of_a_user:honest", Path(sys.base_prefix), panel, LONG)(SESSIONS)
    assert sys.modules["json"] is json


def test_values_that_change_from_one_call_to_the_next_are_refused(folder: Path, panel: Panel) -> None:
    OwnFeature("own_features_of_a_user:honest", folder, panel, LONG).require_steady(SESSIONS)
    with pytest.raises(ConfigError, match="asked twice it gave others for noise of A in 2020-01-01"):
        OwnFeature("own_features_of_a_user:noise", folder, panel, LONG).require_steady(SESSIONS)


def test_a_module_that_ends_the_program_is_refused_as_any_other_failure(tmp_path: Path, panel: Panel) -> None:
    (tmp_path / "ending_of_a_user.py").write_text("import sys\nsys.exit('bye')\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="cannot be had: SystemExit: bye"):
        OwnFeature("ending_of_a_user:x", tmp_path, panel, LONG)


def test_a_feature_or_a_module_that_never_ends_is_given_up_and_the_bound_is_named(tmp_path: Path, panel: Panel) -> None:
    wait = "import time\ndef f(panel):\n    time.sleep(9)\n    return panel.close\n"
    (tmp_path / "waiting_of_a_user.py").write_text(wait, encoding="utf-8")
    (tmp_path / "reading_of_a_user.py").write_text(f"{wait}f(None)\n", encoding="utf-8")
    waiting = OwnFeature("waiting_of_a_user:f", tmp_path, panel, LONG)
    waiting._seconds = 0.3
    with pytest.raises(ConfigError, match=r"waiting_of_a_user:f.*: not done within `--seconds` 0\.3"):
        waiting(SESSIONS)
    with pytest.raises(ConfigError, match=r"'reading_of_a_user:f' cannot be had: not done within `--seconds` 0\.3"):
        OwnFeature("reading_of_a_user:f", tmp_path, panel, 0.3)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("growing", "must not depend on how much is known"),
        ("flat", r"must be numbers of shape \(40, 3\)"),
        ("broken", "failed on 40 sessions: RuntimeError: no idea"),
        ("leaving", "failed on 40 sessions: SystemExit: 3"),
        ("nothing", "at least 1 array, gave none"),
        ("written", "ValueError: assignment destination is read-only"),
        ("later", "must have the 40 sessions"),
        ("absent", "cannot be had"),
        ("constant", "must name a function"),
    ],
)
def test_what_is_no_feature_is_refused_in_one_sentence(name: str, said: str, folder: Path, panel: Panel) -> None:
    with pytest.raises(ConfigError, match=said):
        found(name, folder, panel)
    with pytest.raises(ConfigError, match="module:function"):
        OwnFeature("no_colon", folder, panel, LONG)


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
