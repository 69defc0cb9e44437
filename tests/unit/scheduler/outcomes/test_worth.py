"""What opinions were worth, worked out by hand."""

import math
from dataclasses import replace
from datetime import date, timedelta

import pytest

from tenthman.domain.opinion import ReplyState, Stance
from tenthman.scheduler.outcomes.worth import (
    AgentKey,
    Opinion,
    Twin,
    agreements,
    calibration,
    cards,
    session_interval,
    worth,
)

DAY = date(2020, 1, 6)
BEAR = AgentKey(role="bear", model="m", model_digest="d", template_hash="t")
LOST = Twin(gained_usd=-200.0, notional_usd=10_000.0, equity_usd=100_000.0)
WON = Twin(gained_usd=500.0, notional_usd=10_000.0, equity_usd=100_000.0)


def opinion(number: int = 0, stance: Stance = Stance.VETO, twin: Twin | None = LOST, size: float = 0.0) -> Opinion:
    return Opinion(
        key=BEAR,
        entry=("run", f"d{number}"),
        session=DAY + timedelta(days=number),
        binding=False,
        state=ReplyState.ANSWERED,
        stance=stance,
        size_fraction={Stance.APPROVE: 1.0, Stance.VETO: 0.0}.get(stance, size),
        confidence_pct=80,
        seconds=1.0,
        prompt_tokens=300,
        reply_tokens=20,
        twin=twin,
    )


def test_a_veto_of_a_loss_adds_and_a_veto_of_a_gain_costs_its_basis_points() -> None:
    """A veto kept 2 % of its notional from being lost, another cost 5 %: +200 and -500 bp.

    Half of a third entry, which lost 2 %, was left off: +100 bp. Of 100,000 USD: +20, -50 and +10 bp.
    """
    found = worth(
        [
            opinion(0),
            opinion(1, twin=WON),
            opinion(2, Stance.SHRINK, size=0.5),
            opinion(3, Stance.APPROVE, WON),
            opinion(4, twin=None),
            replace(opinion(5, twin=None), is_open=True),
        ],
        horizon_sessions=10,
        level=0.9,
        seed=1,
    )
    assert found.value_bp.estimate == pytest.approx((200.0 - 500.0 + 100.0) / 3.0)
    assert found.equity_bp == pytest.approx(20.0 - 50.0 + 10.0)
    assert found.usd == pytest.approx(200.0 - 500.0 + 100.0)
    assert (found.measured, found.never_filled, found.still_open) == (3, 1, 1)
    assert math.isnan(found.value_bp.low), "three sessions are too few for an interval"


def test_nothing_taken_away_is_worth_nothing_known() -> None:
    found = worth([opinion(0, Stance.APPROVE)], horizon_sessions=10, level=0.9, seed=1)
    assert (found.measured, found.usd, found.equity_bp) == (0, 0.0, 0.0)
    assert math.isnan(found.value_bp.estimate)


def test_an_interval_around_one_value_is_that_value_and_the_same_seed_gives_the_same() -> None:
    days = [DAY + timedelta(days=number // 2) for number in range(60)]
    flat = session_interval(days, [-30.0] * 60, 5, 0.95, 3)
    assert (flat.low, flat.estimate, flat.high) == (-30.0, -30.0, -30.0)
    mixed = [100.0 if number % 3 else -250.0 for number in range(60)]
    first, again = (session_interval(days, mixed, 5, 0.95, 3) for _ in range(2))
    assert first == again
    assert first.low < first.estimate < first.high


def test_many_opinions_of_one_session_leave_as_much_doubt_as_one() -> None:
    values = [50.0 if day % 2 else -70.0 for day in range(12)]
    days = [DAY + timedelta(days=day) for day in range(12)]
    alone = session_interval(days, values, 1, 0.9, 3)
    many = session_interval([day for day in days for _ in range(5)], [v for v in values for _ in range(5)], 1, 0.9, 3)
    assert (many.low, many.high) == pytest.approx((alone.low, alone.high))


def test_confidence_is_read_as_a_chance_of_loss() -> None:
    """A veto at 80 % says 90 % of an entry that lost: a miss of 0.1. An approval at 80 % says 10 %: a miss of 0.9."""
    found = calibration([opinion(0), opinion(1, Stance.APPROVE), opinion(2, twin=None)])
    assert found.number == 2
    assert found.brier == pytest.approx((0.1**2 + 0.9**2) / 2.0)
    assert [(item.number, item.came) for item in found.bins] == [(1, 1.0), (1, 1.0)]
    assert [item.said for item in found.bins] == pytest.approx([0.1, 0.9])


@pytest.mark.parametrize(
    ("stance", "confidence_pct", "chance"),
    [
        (Stance.APPROVE, 0, 0.5),
        (Stance.VETO, 0, 0.5),
        (Stance.APPROVE, 100, 0.0),
        (Stance.VETO, 100, 1.0),
        (Stance.APPROVE, 50, 0.25),
        (Stance.SHRINK, 50, 0.75),
    ],
)
def test_a_critic_that_is_not_sure_foretells_nothing(stance: Stance, confidence_pct: int, chance: float) -> None:
    """The entry lost: what was missed is the rest to 1, and nobody unsure is scored as if it had been certain."""
    found = calibration([replace(opinion(0, stance, size=0.5), confidence_pct=confidence_pct)])
    assert found.brier == pytest.approx((1.0 - chance) ** 2)


def test_a_score_stands_beside_that_of_who_only_knows_how_many_lose() -> None:
    """One of four lost: who says 25 % each time misses by 0.75 once and by 0.25 thrice, 0.1875 in the mean."""
    found = calibration([opinion(0), *(opinion(number, Stance.APPROVE, WON) for number in (1, 2, 3))])
    assert found.lost == 0.25
    assert found.brier_of_share == pytest.approx((0.75**2 + 3 * 0.25**2) / 4.0)


def test_nothing_that_ended_has_no_score() -> None:
    found = calibration([opinion(0, twin=None)])
    assert found.number == 0
    assert all(math.isnan(value) for value in (found.brier, found.lost, found.brier_of_share))


def test_agreement_is_told_beyond_chance() -> None:
    """Bear: veto, veto, approve, approve; bull: veto, then approvals. They agree on 3 of 4, by chance on 2."""
    bull = replace(BEAR, role="bull")
    stances = [Stance.VETO, Stance.VETO, Stance.APPROVE, Stance.APPROVE]
    others = [Stance.VETO, Stance.APPROVE, Stance.APPROVE, Stance.APPROVE]
    said = [opinion(number, stance) for number, stance in enumerate(stances)]
    said += [replace(opinion(number, stance), key=bull) for number, stance in enumerate(others)]
    (found,) = agreements(said)
    assert (found.number, found.share, found.kappa) == (4, 0.75, pytest.approx(0.5))


def test_a_card_counts_failures_and_leaves_them_out_of_what_was_said() -> None:
    silent = replace(opinion(1, twin=WON), state=ReplyState.TIMED_OUT, stance=Stance.NONE, size_fraction=1.0)
    newer = replace(opinion(2), key=replace(BEAR, template_hash="t2"), binding=True)
    first, second = cards([opinion(0), silent, newer], 10, 0.9, 1)
    assert (first.asked, first.answered, first.binding, first.veto_rate) == (2, 1, 0, 1.0)
    assert first.states == {"answered": 1, "timed_out": 1}
    assert first.worth.measured == 1
    assert (second.key.template_hash, second.binding) == ("t2", 1)
    assert (first.prompt_tokens, first.reply_tokens, first.seconds_median) == (600, 40, 1.0)
