"""The accepted run of the prompts is committed with them, and a prompt that moved on without it is refused here."""

from datetime import date
from pathlib import Path

import pytest

from tenthman.agents.exam_cases import exam_cases
from tenthman.agents.prompt_check import (
    STANCES,
    Accepted,
    accepted_place,
    compare,
    fingerprints,
    rates,
    read_accepted,
    write_accepted,
)
from tenthman.domain.errors import DataCorrupt, SetupError
from tenthman.domain.opinion import ReplyState

ANSWERS = {item.name: "approve" for item in exam_cases()}


def _accepted(**changes: object) -> Accepted:
    usual = {
        "accepted_on": date(2026, 1, 5),
        "model": "m",
        "model_digest": "d",
        "prose": False,
        "fingerprints": fingerprints(),
        "answers": ANSWERS,
    }
    return Accepted.model_validate({**usual, **changes})


def test_the_committed_run_was_made_with_the_prompts_as_they_are() -> None:
    accepted = read_accepted(accepted_place())
    assert accepted is not None
    assert compare(accepted.answers, accepted.model_digest, accepted).changed == (), (
        "prompts, vocabulary or cases were changed: run `tenthman prompts check --accept` and commit the file it writes"
    )


def test_the_committed_run_answers_every_case_and_no_other() -> None:
    accepted = read_accepted(accepted_place())
    assert accepted is not None
    assert set(accepted.answers) == {item.name for item in exam_cases()}
    known = STANCES | {state.value for state in ReplyState if state is not ReplyState.ANSWERED}
    assert set(accepted.answers.values()) <= known


def test_a_changed_prompt_is_named_and_the_accepted_run_no_longer_stands() -> None:
    check = compare(ANSWERS, "d", _accepted(fingerprints={**fingerprints(), "bear.md": "0" * 64}))
    assert check.changed == ("bear.md",)
    assert not check.stands
    assert compare(ANSWERS, "d", None).changed == tuple(sorted(fingerprints()))


def test_every_template_and_the_questions_have_a_fingerprint() -> None:
    named = {"analyst.md", "bear.md", "bull.md", "committee.md", "risk.md", "system.md"}
    assert set(fingerprints()) == named | {"repair", "questions", "questions in prose"}
    assert len(set(fingerprints().values())) == len(fingerprints())


def test_an_answer_that_moved_under_one_model_is_named_and_under_another_is_no_verdict() -> None:
    moved = {**ANSWERS, "bankruptcy": "veto"}
    assert compare(moved, "d", _accepted()).moved == (("bankruptcy", "approve", "veto"),)
    assert not compare(moved, "d", _accepted()).stands
    other = compare(moved, "another", _accepted())
    assert not other.comparable
    assert other.stands
    assert compare(ANSWERS, "d", _accepted()).stands


def test_rates_are_by_class_of_what_was_put() -> None:
    found = rates({**ANSWERS, "bankruptcy": "veto", "fraud": "abstained", "recall": "invalid"})
    vetoes = found["clear veto"]
    assert vetoes.veto == vetoes.abstain == vetoes.other == 1 / vetoes.put
    assert found["clear approval"].veto == 0.0
    assert rates({})["injected"].put == 0


def test_an_accepted_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    place = tmp_path / "accepted.json"
    assert read_accepted(place) is None
    write_accepted(place, _accepted())
    assert read_accepted(place) == _accepted()
    assert [path.name for path in tmp_path.iterdir()] == ["accepted.json"]


def test_a_file_that_is_none_and_a_place_that_cannot_be_written_are_named(tmp_path: Path) -> None:
    place = tmp_path / "accepted.json"
    place.write_text("[]")
    with pytest.raises(DataCorrupt, match=r"accepted\.json"):
        read_accepted(place)
    with pytest.raises(SetupError, match="cannot be written"):
        write_accepted(tmp_path / "none" / "accepted.json", _accepted())
