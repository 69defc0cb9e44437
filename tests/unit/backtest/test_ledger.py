"""What a sweep wrote down is there after any end, and nothing that was half written counts."""

import fcntl
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tenthman.backtest.ledger import Ledger, Outcome, open_ledger
from tenthman.domain.errors import DataCorrupt, SetupError

ONE = Outcome(
    setting="a" * 64,
    inputs="b" * 64,
    values={"risk_rules.max_positions": 5, "risk_rules.drawdown.references": ["peak"]},
    sessions=250,
    total_return=0.1,
    sharpe=0.05,
    skew=-0.1,
    kurtosis=4.0,
    max_drawdown=0.07,
    entries=40,
    fills=79,
    fees_usd=12.5,
    halts=1,
    digest="c" * 64,
)
TWO = replace(ONE, setting="d" * 64, sharpe=None, skew=None, kurtosis=None)


def written(path: Path, *outcomes: Outcome) -> bytes:
    with open_ledger(path) as ledger:
        for outcome in outcomes:
            ledger.append(outcome)
    return path.read_bytes()


def read(path: Path) -> list[Outcome]:
    with open_ledger(path) as ledger:
        return list(ledger.outcomes.values())


def test_what_was_appended_is_read_again(tmp_path: Path) -> None:
    written(tmp_path / "new" / "results.jsonl", ONE, TWO)
    assert read(tmp_path / "new" / "results.jsonl") == [ONE, TWO]


def test_an_outcome_is_in_the_file_as_soon_as_it_is_appended(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "results.jsonl") as ledger:
        ledger.append(ONE)
        assert json.loads((tmp_path / "results.jsonl").read_text())["setting"] == ONE.setting


@pytest.mark.parametrize("kept", [1, 30, -20, -2, -1])
def test_a_last_line_that_was_cut_off_is_dropped_and_can_be_written_again(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "results.jsonl"
    first = written(path, ONE)
    whole = written(path, TWO)
    path.write_bytes(first + whole[len(first) :][:kept])
    assert read(path) == [ONE]
    assert written(path, TWO) == whole


def test_a_last_line_of_zeros_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_bytes(written(path, ONE) + bytes(200) + b"\n")
    assert read(path) == [ONE]


@pytest.mark.parametrize("line", ["{}", "[]", "nonsense", '{"setting": 5}'])
def test_an_earlier_line_that_is_no_outcome_is_refused_with_its_number(tmp_path: Path, line: str) -> None:
    path = tmp_path / "results.jsonl"
    whole = written(path, ONE)
    path.write_bytes(whole + line.encode() + b"\n" + whole.replace(b"a" * 64, b"e" * 64))
    with pytest.raises(DataCorrupt, match=r"results\.jsonl: line 2 must be the outcome of a setting"):
        read(path)


def test_an_outcome_is_written_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="in the ledger already"):
        written(tmp_path / "results.jsonl", ONE, ONE)
    assert read(tmp_path / "results.jsonl") == [ONE]


def test_two_sweeps_do_not_write_into_one_file(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    with path.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(SetupError, match="another process is writing"):
            read(path)


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "results.jsonl", tmp_path):
        with pytest.raises(SetupError, match="nothing can be written there"):
            read(path)


def test_the_ledger_tells_what_it_holds_without_its_file(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "results.jsonl") as ledger:
        assert isinstance(ledger, Ledger)
        ledger.append(TWO)
        assert ledger.outcomes == {TWO.setting: TWO}
        assert TWO.sortable_sharpe() == 0.0
