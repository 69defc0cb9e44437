"""Paths, touches and fill prices done by hand, in 1/10,000 USD."""

import pytest

from tenthman.exchange.arithmetic import NEVER, fill_price, first_touch, path_price

BAR = (1_000_000, 950_000, 1_050_000, 1_020_000)


@pytest.mark.parametrize(
    ("fraction", "price"),
    [
        (0.0, 1_000_000), (1 / 6, 975_000), (1 / 3, 950_000), (0.5, 1_000_000), (2 / 3, 1_050_000), (1.0, 1_020_000),
        (0.0667, 989_995), (0.9, 1_029_000),
    ],
)  # fmt: skip
def test_the_path_runs_from_open_over_low_and_high_to_close(fraction: float, price: int) -> None:
    assert path_price(*BAR, fraction) == price


@pytest.mark.parametrize(
    ("level", "below", "start", "found"),
    [
        (990_000, True, 0.0, 1 / 15),
        (1_000_000, True, 0.0, 0.0),
        (950_000, True, 0.0, 1 / 3),
        (949_999, True, 0.0, NEVER),
        (1_050_000, False, 0.0, 2 / 3),
        (1_050_001, False, 0.0, NEVER),
        (1_020_000, False, 0.7, 0.7),
        (990_000, True, 0.6, NEVER),
        (1_025_000, True, 0.7, 1 - 0.1 / 1.8),
        (1_000_000, False, 0.1, 0.5),
    ],
)
def test_a_level_is_touched_at_the_first_instant_beyond_it(level: int, below: bool, start: float, found: float) -> None:
    assert first_touch(*BAR, level, below, start, 1.0) == pytest.approx(found, abs=1e-12)


@pytest.mark.parametrize(
    ("raw", "share", "buys", "price"),
    [
        (1_000_000, 400, True, 1_000_400),
        (1_000_001, 0, True, 1_000_100),
        (1_000_099, 0, False, 1_000_000),
        (960_000, 600, False, 959_400),
        (955_000, 600, False, 954_400),
        (9_999, 200, True, 10_100),
        (9_000, 200, True, 9_002),
        (10_000, 200, False, 9_998),
        (1, 1_000, False, 1),
        (0, 0, True, 1),
    ],
)
def test_costs_go_against_the_trader_to_the_tick(raw: int, share: int, buys: bool, price: int) -> None:
    assert fill_price(raw, share, buys) == price
