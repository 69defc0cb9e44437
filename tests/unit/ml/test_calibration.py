"""Calibration: the slope that made the data is found, order is kept, and what is stored comes back to the bit."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from tenthman.domain.errors import DataCorrupt
from tenthman.ml.calibration import HIGHEST, LOWEST, Calibration, cross_fitted, fit, parse, uncalibrated
from tenthman.ml.labels import BUY, SELL
from tenthman.ml.measures import score

SHARES = np.array([0.4, 0.35, 0.25])
COUNT = 6000


@pytest.fixture(scope="module")
def margins() -> np.ndarray:
    drawn = np.random.default_rng(1).normal(scale=0.4, size=(COUNT, 3))
    return (np.log(SHARES) + drawn).astype(np.float32)


def drawn_from(probabilities: np.ndarray) -> np.ndarray:
    u = np.random.default_rng(2).uniform(size=(len(probabilities), 1))
    return (u > np.cumsum(probabilities, axis=1)[:, :2]).sum(axis=1)


@pytest.mark.parametrize("slope", [0.3, 1.0, 2.0])
def test_the_slope_that_made_the_data_is_found(margins: np.ndarray, slope: float) -> None:
    truth = Calibration(slope=slope, shares=tuple(SHARES))
    assert fit(margins, drawn_from(truth.probabilities(margins)), SHARES).slope == pytest.approx(slope, abs=0.12)


def test_overconfident_probabilities_are_mended_on_rows_that_did_not_fit_the_slope(margins: np.ndarray) -> None:
    y = drawn_from(Calibration(slope=0.2, shares=tuple(SHARES)).probabilities(margins))
    row = np.repeat(np.arange(COUNT // 20), 20)
    before = score(uncalibrated(SHARES).probabilities(margins), y, row, 1)
    after = score(cross_fitted(margins, y, row, SHARES), y, row, 1)
    assert after.ece < before.ece / 2
    assert after.brier < before.brier
    assert after.mlogloss < before.mlogloss


def test_where_nothing_was_learnt_everyone_gets_the_shares_but_keeps_a_place(margins: np.ndarray) -> None:
    y = np.random.default_rng(3).choice(3, size=COUNT, p=SHARES)
    found = fit(margins, y, SHARES)
    assert found.slope < 0.15
    lowest = Calibration(slope=LOWEST, shares=tuple(SHARES)).probabilities(margins)
    np.testing.assert_allclose(lowest, np.tile(SHARES, (COUNT, 1)), atol=0.04)
    assert len(np.unique(lowest[:, BUY] - lowest[:, SELL])) > 0.99 * COUNT


@pytest.mark.parametrize("slope", [LOWEST, 0.5, 2.0])
def test_scores_keep_their_order_and_odds_keep_it_exactly(margins: np.ndarray, slope: float) -> None:
    plain = uncalibrated(SHARES).probabilities(margins)
    found = Calibration(slope=slope, shares=tuple(SHARES)).probabilities(margins)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-12)
    before, after = (np.log(p[:, BUY] / p[:, SELL]) - np.log(SHARES[BUY] / SHARES[SELL]) for p in (plain, found))
    np.testing.assert_allclose(after, slope * before, atol=1e-9)
    assert spearmanr(plain[:, BUY] - plain[:, SELL], found[:, BUY] - found[:, SELL]).statistic > 0.98


def test_what_is_stored_comes_back_to_the_bit(margins: np.ndarray) -> None:
    held = Calibration(slope=1 / 3, shares=tuple(SHARES))
    assert parse(held.dumped()) == held
    assert parse(held.dumped()).probabilities(margins).tobytes() == held.probabilities(margins).tobytes()


def test_a_row_is_calibrated_alike_alone_and_in_any_batch(margins: np.ndarray) -> None:
    held = Calibration(slope=0.7, shares=tuple(SHARES))
    together = held.probabilities(margins[:77])
    alone = np.concatenate([held.probabilities(margins[[place]]) for place in range(77)])
    assert alone.tobytes() == together.tobytes()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"slope": 1.0}',
        '{"slope": 9.0, "shares": [0.4, 0.3, 0.3]}',
        '{"slope": 1, "shares": [1, 0, 0]}',
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(DataCorrupt, match="`calibration` must hold a slope and three shares"):
        parse(text)


def test_a_slope_beyond_its_bounds_is_refused() -> None:
    with pytest.raises(ValueError, match="`slope` must lie in"):
        Calibration(slope=HIGHEST * 2, shares=(0.4, 0.3, 0.3))
