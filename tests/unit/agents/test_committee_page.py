"""The page on the committee lists what the code knows: codes, states, roles and cases."""

import re
from pathlib import Path

from tenthman.agents.committee import ADVISERS, COMMITTEE
from tenthman.agents.exam_cases import exam_cases
from tenthman.agents.vocabulary import VOCABULARY
from tenthman.domain.opinion import ReplyState

PAGE = (Path(__file__).parents[3] / "docs" / "committee.md").read_text(encoding="utf-8")


def test_the_vocabulary_is_listed_with_its_meanings_and_nothing_else() -> None:
    listed = dict(re.findall(r"^\| `([a-z_]+)` \| (.+) \|$", PAGE.split("## The vocabulary")[1], re.MULTILINE))
    assert listed == dict(VOCABULARY)


def test_every_state_of_a_question_is_explained() -> None:
    part = PAGE.split("## What can become of a question")[1].split("\n## ")[0]
    assert re.findall(r"^\| `([a-z_]+)` \|", part, re.MULTILINE) == [state.value for state in ReplyState]


def test_what_each_agent_may_say_is_what_it_is_offered() -> None:
    for brief, name in zip(
        (*ADVISERS, COMMITTEE), ("analyst", "bull", "bear", "risk officer", "committee"), strict=True
    ):
        (row,) = re.findall(rf"^\| {name} \|.*$", PAGE, re.MULTILINE)
        assert f"| {', '.join(brief.stances)} |" in row


def test_the_number_of_cases_is_told() -> None:
    assert f"all {len(exam_cases())} fixed cases" in PAGE
