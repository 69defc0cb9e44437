"""Measures on numbers small enough to check by hand."""

import math

import numpy as np
import pytest

from tenthman.ml.labels import BUY, HOLD, SELL
from tenthman.ml.measures import rank_ic, score


def test_losses_of_hand_written_probabilities() -> None:
    probabilities = np.array([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]])
    found = score(probabilities, np.array([BUY, HOLD]), np.array([0, 1]), 1)
    assert found.mlogloss == pytest.approx(-(math.log(0.5) + math.log(0.3)) / 2)
    assert found.brier == pytest.approx((0.2**2 + 0.3**2 + 0.5**2 + 0.6**2 + 0.7**2 + 0.1**2) / 2)
    assert found.accuracy == 0.5
    assert found.rank_ic is None


def test_calibration_error_is_the_gap_between_probability_and_share() -> None:
    y = np.array([SELL] * 2 + [HOLD] * 5 + [BUY] * 3)
    right, wrong = np.array([0.2, 0.5, 0.3]), np.array([0.4, 0.5, 0.1])
    row = np.zeros(10, dtype=int)
    assert score(np.tile(right, (10, 1)), y, row, 1).ece == pytest.approx(0.0)
    assert score(np.tile(wrong, (10, 1)), y, row, 1).ece == pytest.approx((0.2 + 0.0 + 0.2) / 3)


def test_overconfidence_shows_in_the_bins_where_the_average_is_right() -> None:
    p = np.linspace(0.05, 0.95, 1000)
    told = np.stack([1 - p, np.zeros(1000), p], axis=1)
    drawn = np.where(np.random.default_rng(1).uniform(size=1000) < 0.5 + (p - 0.5) / 2, BUY, SELL)
    assert score(told, drawn, np.arange(1000), 1).ece > 0.05
    fair = np.where(np.random.default_rng(1).uniform(size=1000) < p, BUY, SELL)
    assert score(told, fair, np.arange(1000), 1).ece < 0.035


def test_a_probability_of_nothing_for_what_happened_has_no_finite_loss() -> None:
    assert score(np.array([[0.0, 1.0, 0.0]]), np.array([BUY]), np.array([0]), 1).mlogloss is None


def test_rank_ic_is_the_mean_over_sessions_of_any_size() -> None:
    rng = np.random.default_rng(4)
    row = np.repeat(np.arange(60), rng.integers(10, 14, size=60))
    y = rng.integers(0, 3, size=len(row))
    assert rank_ic(y.astype(float), y, row, 1).mean == pytest.approx(1.0)
    assert rank_ic(-y.astype(float), y, row, 1).mean == pytest.approx(-1.0)
    noise = rank_ic(rng.normal(size=len(row)), y, row, 1)
    assert noise.low < 0.0 < noise.high
    assert noise.low < noise.mean < noise.high
    assert noise.sessions == 60
    assert noise.t == pytest.approx(noise.mean * abs(noise.t / noise.mean))
    assert rank_ic(np.zeros(len(row)), y, row, 1) is None


def test_where_sessions_repeat_each_other_the_interval_is_wider_than_if_each_were_news() -> None:
    rng = np.random.default_rng(5)
    drift = np.convolve(rng.normal(size=240), np.ones(10) / 10, mode="valid")
    y = np.tile(np.arange(12) % 3, len(drift))
    scores = y * np.repeat(drift, 12) + rng.normal(scale=0.5, size=len(y))
    found = rank_ic(scores, y, np.repeat(np.arange(len(drift)), 12), 10)
    as_if_news = 2 * 1.96 * found.mean / found.icir / math.sqrt(found.sessions)
    assert found.high - found.low > 1.5 * as_if_news
