"""The sums of risk on numbers small enough to do by hand; 1/10,000 USD and millionths."""

import pytest
from tenthman_risk import HOUSE_RULES

from tenthman.risk import arithmetic as sums
from tenthman.risk.numbers import OFF, RuleNumbers, rule_numbers

USD = 10_000
NUMBERS = rule_numbers(HOUSE_RULES)


def looked_at(rules: RuleNumbers, equity: int, peak: int, day_start: int = 0, week_start: int = 0) -> list[int]:
    found = [0, 0, 0, 0]
    sums.drawdowns(equity, peak, day_start, week_start, rules, found)
    return found


def below_peak(equity: int, peak: int, limit: int = 30_000) -> list[int]:
    return looked_at(NUMBERS._replace(peak_limit=limit, day_start_limit=OFF), equity, peak)


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
    assert below_peak(equity, start)[sums.LOST] == lost


def test_a_drawdown_is_below_the_limit_until_the_last_unit_is_gone() -> None:
    assert below_peak(970_001, 1_000_000)[sums.LOST] == 29_999
    assert below_peak(970_000, 1_000_000)[sums.LOST] == 30_000


@pytest.mark.parametrize(
    ("equity", "left"), [(100_000, 30_000), (99_000, 20_000), (97_001, 10), (97_000, 0), (90_000, 0), (110_000, 30_000)]
)
def test_the_distance_is_what_is_left_of_the_limit(equity: int, left: int) -> None:
    assert below_peak(equity, 100_000)[sums.LEFT] == left


def test_a_distance_that_does_not_come_out_even_is_rounded_down() -> None:
    assert below_peak(299_999, 300_000)[sums.LEFT] == 29_996, "30,000 less 3.33 millionths"


def test_without_a_reference_no_distance_is_left() -> None:
    assert below_peak(100, 0)[sums.LEFT] == 0


def test_the_reference_nearest_to_its_own_limit_is_the_one_that_counts() -> None:
    rules = NUMBERS._replace(peak_limit=50_000, day_start_limit=10_000, week_start_limit=30_000)
    lost, limit, left, nearest = looked_at(rules, 98_500, 100_000, 99_000, 100_000)
    assert (lost, limit, sums.REFERENCES[nearest]) == (5_050, 10_000, "day_start")
    assert left == 4_949, "10,000 less 5,050.5 millionths"
    assert looked_at(rules, 97_000, 100_000, 97_000, 100_000)[sums.NEAREST] == sums.WEEK_START


def test_a_reference_without_a_limit_is_not_looked_at() -> None:
    rules = NUMBERS._replace(peak_limit=OFF, day_start_limit=30_000, week_start_limit=OFF)
    assert looked_at(rules, 50_000, 100_000, 50_000, 100_000) == [0, 30_000, 30_000, sums.DAY_START]


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
    assert 10 * sums.loss_a_share(100, stop, 0) == risk


@pytest.mark.parametrize(
    ("stop", "gap", "lost"), [(96, 10_000, 5), (96, 10_001, 6), (0, 10_000, 100), (1, 500_000, 100)]
)
def test_a_gap_widens_what_a_share_can_lose_up_to_its_price(stop: int, gap: int, lost: int) -> None:
    assert sums.loss_a_share(100, stop, gap) == lost


def test_names_that_move_together_are_not_apart() -> None:
    one = [1_000, -2_000, 3_000, -4_000]
    assert not sums.is_apart(one, [move * 2 for move in one], 990_000)
    assert sums.is_apart(one, [-move for move in one], 0), "a hedge is no bet on the same thing"
    assert sums.is_apart(one, [1_000, 1_000, -1_000, -1_000], 500_000)


@pytest.mark.parametrize("other", [[sums.NOT_KNOWN, 1, 2, 3], [5, 5, 5, 5], [0, 0, 0, 0]])
def test_a_correlation_that_is_not_known_counts_as_high(other: list[int]) -> None:
    assert not sums.is_apart([1_000, -2_000, 3_000, -4_000], other, 1_000_000)


@pytest.mark.parametrize(
    ("highest", "close", "raised"),
    [
        (1_100_000, 1_100_000, 1_050_000),
        (1_100_055, 1_100_000, 1_050_000),
        (1_000_000, 1_000_000, 960_000),
        (1_100_000, 1_040_000, 1_039_900),
        (1_100_000, 1_040_001, 1_040_000),
        (1_100_000, 900_000, 960_000),
    ],
    ids=[
        "follows",
        "down to a cent",
        "never lower",
        "a cent below the close",
        "the next cent below it",
        "a close below",
    ],
)
def test_a_stop_follows_the_highest_close_and_stays_below_the_last(highest: int, close: int, raised: int) -> None:
    assert sums.trailed(960_000, highest, close, 20_000, 2_500_000) == raised


@pytest.mark.parametrize(
    ("low", "stop"),
    [(970_000, 969_900), (970_050, 970_000), (999_000, 980_000), (900_000, 940_000)],
    ids=["a cent below the low", "the next cent below it", "not nearer than allowed", "not farther than allowed"],
)
def test_a_stop_hangs_below_the_lowest_low_within_its_bounds(low: int, stop: int) -> None:
    found = sums.structured(1_000_000, low, 10_000, 2_000_000, 6_000_000, 1_500_000)
    assert found == (stop, (1_000_000 + (1_000_000 - stop) * 3 // 2) // 100 * 100)
