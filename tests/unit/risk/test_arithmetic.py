"""The sums of risk on numbers small enough to do by hand; 1/10,000 USD and millionths."""

import pytest

from tenthman.risk import arithmetic as sums

USD = 10_000


@pytest.mark.parametrize(
    ("price", "atr", "expected"),
    [
        ("100", "2", ("100.30", "96.30", "106.30")),
        ("123.456", "2.345", ("123.82", "119.13", "130.85")),
        ("50", "1", ("50.15", "48.15", "53.15")),
        ("10", "0.0001", ("10.03", "10.02", "10.04")),
    ],
)
def test_a_proposal_is_rounded_down_to_cents(price: str, atr: str, expected: tuple[str, str, str]) -> None:
    found = sums.propose(round(float(price) * USD), round(float(atr) * USD), 3_000, 2_000_000, 1_500_000)
    assert found == tuple(round(float(level) * USD) for level in expected)


def test_a_target_is_at_least_a_cent_above_its_limit() -> None:
    assert sums.propose(10 * USD, 1, 0, 1_000_000, 100_000) == (10 * USD, 10 * USD - 100, 10 * USD + 100)


def test_a_stop_without_room_is_not_positive() -> None:
    assert sums.propose(10 * USD, 6 * USD, 3_000, 2_000_000, 1_500_000)[1] <= 0


@pytest.mark.parametrize(
    ("volume", "shares"),
    [(1e6, 10**6), (1.99, 1), (0.5, 0), (0.0, 0), (-3.0, 0), (float("nan"), 0), (float("inf"), 0), (1e300, 10**12)],
)
def test_a_volume_is_whole_and_unknown_is_none_at_all(volume: float, shares: int) -> None:
    assert sums.whole_volume(volume) == shares


@pytest.mark.parametrize(
    ("equity", "start", "lost"),
    [(97 * USD, 100 * USD, 30_000), (100 * USD, 100 * USD, 0), (120 * USD, 100 * USD, 0), (5, 0, 1_000_000)],
)
def test_a_drawdown_is_a_fraction_of_its_start(equity: int, start: int, lost: int) -> None:
    assert sums.drawdown(equity, start) == lost


def test_a_drawdown_is_below_the_limit_until_the_last_unit_is_gone() -> None:
    assert sums.drawdown(970_001, 1_000_000) == 29_999
    assert sums.drawdown(970_000, 1_000_000) == 30_000


@pytest.mark.parametrize(
    ("equity", "left"), [(100_000, 30_000), (99_000, 20_000), (97_001, 10), (97_000, 0), (90_000, 0), (110_000, 30_000)]
)
def test_the_distance_is_what_is_left_of_the_limit(equity: int, left: int) -> None:
    assert sums.distance(equity, 100_000, 30_000) == left


def test_a_distance_that_does_not_come_out_even_is_rounded_down() -> None:
    assert sums.distance(299_999, 300_000, 30_000) == 29_996, "30,000 less 3.33 millionths"


def test_without_a_reference_no_distance_is_left() -> None:
    assert sums.distance(100, 0, 30_000) == 0


@pytest.mark.parametrize(
    ("state", "is_flat", "lost", "after"),
    [
        (sums.ACTIVE, True, 29_999, sums.ACTIVE),
        (sums.ACTIVE, True, 30_000, sums.REDUCING),
        (sums.ACTIVE, False, 30_000, sums.REDUCING),
        (sums.REDUCING, False, 0, sums.REDUCING),
        (sums.REDUCING, True, 0, sums.HALTED),
        (sums.HALTED, True, 0, sums.HALTED),
    ],
)
def test_the_latch_only_tightens(state: int, is_flat: bool, lost: int, after: int) -> None:
    assert sums.latch(state, is_flat, lost, 30_000) == after


@pytest.mark.parametrize(
    ("state", "idle", "is_below_peak", "after", "due"),
    [
        (sums.HALTED, 10, False, 10, True),
        (sums.HALTED, 9, True, 10, False),
        (sums.HALTED, 99, True, 0, False),
        (sums.REDUCING, 99, True, 10, False),
        (sums.ACTIVE, 99, False, 10, False),
        (sums.ACTIVE, 10, True, 10, True),
        (sums.ACTIVE, 9, True, 10, False),
    ],
)
def test_a_halted_desk_or_one_stuck_below_its_peak_is_re_armed_once_idle_for_so_long(
    state: int, idle: int, is_below_peak: bool, after: int, due: bool
) -> None:
    assert sums.rearms(state, idle, is_below_peak, after) is due


def test_reasons_to_sell_come_in_order() -> None:
    def reason(**changes: object) -> int:
        facts = {
            "state": sums.ACTIVE, "is_external": False, "is_exiting": False, "is_protected": True,
            "held": 3, "horizon": 10, "says_sell": False,
        }  # fmt: skip
        return sums.holding_reason(**{**facts, **changes})  # type: ignore[arg-type]

    assert reason() == sums.HOLD
    assert reason(says_sell=True) == sums.EXIT_SIGNAL
    assert reason(says_sell=True, held=10) == sums.EXIT_TIME
    assert reason(held=10, is_protected=False) == sums.EXIT_UNPROTECTED
    assert reason(is_protected=False, state=sums.REDUCING) == sums.EXIT_DRAWDOWN
    assert reason(is_protected=False, state=sums.HALTED) == sums.HOLD_HALTED
    assert reason(state=sums.REDUCING, is_exiting=True) == sums.HOLD_EXITING
    assert reason(state=sums.REDUCING, is_external=True) == sums.HOLD_EXTERNAL


@pytest.mark.parametrize(("stop", "risk"), [(96, 40), (0, 1_000), (100, 0), (101, 0)])
def test_open_risk_is_the_way_down_to_the_stop_or_everything(stop: int, risk: int) -> None:
    assert sums.open_risk(10, 100, stop) == risk
