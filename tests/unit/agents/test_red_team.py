"""Headlines that give orders: what they may do to a prompt and to a verdict is nothing but being quoted."""

import dataclasses
from collections import Counter
from pathlib import Path

import pytest
from tenthman_red_team import Attack, attacked, attacks

from tenthman.agents.analyst import ANALYST
from tenthman.agents.base import CASE_CLOSES, CASE_OPENS, HEADLINE_CHARACTERS, render, split
from tenthman.agents.committee import NO_MODEL, review
from tenthman.agents.exam_cases import exam_cases
from tenthman.agents.prose import printable, recites, shown_id, shown_rationale
from tenthman.config import load_config
from tenthman.domain.opinion import Abstain, Critique, Enter, Review, Veto

AGENTS = load_config(Path(__file__).parents[3] / "config", {}).agents
CLEAN = exam_cases()[0].case
CALM = render(CLEAN, ANALYST, AGENTS.roles.analyst, prose=False)
ATTACKS = attacks()

every_attack = pytest.mark.parametrize("attack", ATTACKS, ids=[attack.name for attack in ATTACKS])


def test_there_are_well_over_a_hundred_attacks_of_many_kinds() -> None:
    assert len({attack.text for attack in ATTACKS}) >= 130
    kinds = Counter(attack.kind for attack in ATTACKS)
    assert len(kinds) >= 15
    assert min(kinds.values()) >= 5


@every_attack
def test_an_attack_stays_inside_its_quotes(attack: Attack) -> None:
    prompt = render(attacked(CLEAN, attack.text), ANALYST, AGENTS.roles.analyst, prose=False)
    system, user = split(prompt)
    assert system == split(CALM)[0]
    assert prompt.instruction == CALM.instruction
    assert prompt.schema_json == CALM.schema_json
    lines, expected = user.splitlines(), split(CALM)[1].splitlines()
    assert [line for line in lines if not line.startswith('n1 "')] == [
        line for line in expected if not line.startswith('n1 "')
    ]
    quoted = next(line for line in lines if line.startswith("n1 "))
    assert quoted.count('"') == 2
    assert len(quoted) < HEADLINE_CHARACTERS + 20
    assert quoted.isprintable()
    assert not set(quoted) & set("<>{}[]|`\\\u200b\u202e\u3164")
    assert quoted.endswith('" sent +0.70 1d')
    assert user.count(CASE_OPENS.strip()) == user.count(CASE_CLOSES.strip()) == 1


@every_attack
def test_an_attack_does_not_move_the_rules_critic(attack: Attack) -> None:
    reviewed = review(attacked(CLEAN, attack.text), None, AGENTS, NO_MODEL, 0.0)
    assert reviewed.verdict == review(CLEAN, None, AGENTS, NO_MODEL, 0.0).verdict


def test_no_opinion_and_no_verdict_has_room_for_an_order_or_another_name() -> None:
    for kind in (Critique, Review, Enter, Veto, Abstain):
        names = {field.name for field in dataclasses.fields(kind)}
        assert not names & {
            "ticker",
            "tickers",
            "symbol",
            "quantity",
            "limit_price",
            "stop_price",
            "target_price",
            "side",
        }
    for size in (-0.1, 0.0, 1.0000001, 10.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="size_fraction"):
            Enter(size_fraction=size)


@pytest.mark.parametrize(
    "told",
    [
        "You check one planned purchase of a stock.",
        "I was told: YOU CHECK ONE PLANNED PURCHASE OF A STOCK",
        "y.o.u c.h.e.c.k o.n.e p.l.a.n.n.e.d p.u.r.c.h.a.s.e",
        "You\u200b check\u202e one pla\u0301nned purchase",
        "You are the analyst. Weigh figures and headlines",
    ],
)
def test_a_rationale_that_recites_the_prompt_is_left_out(told: str) -> None:
    own = f"{split(CALM)[0]}\n{CALM.instruction}"
    assert shown_rationale(told, case=CALM.shared, own=own) == "rationale left out, it recites the prompt"


@pytest.mark.parametrize("told", ["orders grow and the edge is clear", "a planned purchase of a calm stock", "veto"])
def test_a_rationale_in_the_models_own_words_is_shown(told: str) -> None:
    own = f"{split(CALM)[0]}\n{CALM.instruction}"
    assert not recites(told, own)
    assert shown_rationale(told, case=CALM.shared, own=own) == told


def test_a_raw_reply_steers_no_terminal_and_fills_none() -> None:
    assert printable('{"stance":"veto"}') == '{"stance":"veto"}'
    hostile = printable("\x1b]0;owned\a\x1b[2J\r\nveto lifted \u202edetfil\x9b31m")
    assert hostile.isprintable()
    assert "veto lifted" in hostile
    assert printable("x" * 1_000_000) == f"{'x' * 2_000}... (1000000 characters)"


def test_an_id_that_is_none_is_recorded_without_its_words() -> None:
    assert [shown_id(text) for text in ("f99", "n\u202e7", "You check one pl", "<b>", "")] == [
        "f99",
        "n7",
        "no id",
        "no id",
        "no id",
    ]
