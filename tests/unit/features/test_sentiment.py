import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tenthman.domain.news import LinkedItem, NewsItem, TimePrecision
from tenthman.features.sentiment import NAMES, score_text, sentiment_features

START = datetime(2020, 1, 6, 14, 0, tzinfo=UTC)
TICKERS = ("AAA", "BBB")


def linked(
    number: int,
    published: datetime,
    *,
    tickers: tuple[str, ...] = ("AAA",),
    sentiment: float = 0.5,
    weight: float = 1.0,
    lag: timedelta = timedelta(0),
    precision: TimePrecision = TimePrecision.INSTANT,
) -> LinkedItem:
    item = NewsItem(
        id=f"n{number:06d}",
        headline="x",
        summary="",
        source="s",
        url="",
        published_at=published,
        known_at=published + lag,
        precision=precision,
    )
    return LinkedItem(item=item, tickers=tickers, weight=weight, sentiment=sentiment)


def calendar(rows: int) -> tuple[np.ndarray, np.ndarray]:
    sessions = np.datetime64("2020-01-06", "D") + np.arange(rows)
    return sessions, sessions.astype("datetime64[us]") + np.timedelta64(14, "h")


def values(items: list[LinkedItem], rows: int, half_life: float = 2.0) -> dict[str, np.ndarray]:
    sessions, cutoffs = calendar(rows)
    panel = sentiment_features(items, TICKERS, sessions, cutoffs, half_life)
    return {name: panel.values[:, :, column] for column, name in enumerate(panel.names)}


@pytest.mark.parametrize(
    "text",
    [
        "Acme surges as profit beats estimates",
        "Acme raises full-year guidance",
        "Acme swings to quarterly profit",
        "Acme loss narrows as costs fall",
        "Acme upgraded to buy at broker",
        "Acme wins a large defence contract",
        "Acme rises more than expected after FDA approval",
        "Regulator clears Acme merger, shares climb",
    ],
)
def test_good_news_scores_above_zero(text: str) -> None:
    assert score_text(text) > 0.05


@pytest.mark.parametrize(
    "text",
    [
        "Acme falls on antitrust probe",
        "Acme cuts guidance",
        "Acme misses quarterly estimates",
        "Acme fails to beat estimates",
        "Acme does not raise guidance",
        "Acme swings to a loss",
        "Oil slides",
        "Acme downgraded on weak demand",
        "Acme to lay off workers as sales slump",
        "Acme recalls cars over faulty brakes",
        "Acme files for bankruptcy",
    ],
)
def test_bad_news_scores_below_zero(text: str) -> None:
    assert score_text(text) < -0.05


@pytest.mark.parametrize("text", ["", "  ", "Acme shares", "Best Buy names interim chairman", "Acme to hold meeting"])
def test_a_text_that_says_nothing_of_direction_scores_zero(text: str) -> None:
    assert score_text(text) == 0.0


def test_sentiment_is_the_mean_under_weights_that_halve_with_each_half_life() -> None:
    items = [linked(1, START, sentiment=0.8), linked(2, START + timedelta(days=2), sentiment=-0.4, weight=0.5)]
    got = values(items, 4)
    assert got["sentiment"][0, 0] == 0.8
    assert got["news_count"][2, 0] == pytest.approx(0.5 + 0.5)
    assert got["sentiment"][2, 0] == pytest.approx((0.8 * 0.5 - 0.4 * 0.5) / 1.0)
    assert (got["sentiment"][:, 1] == 0.0).all()


def test_an_item_is_not_read_before_it_is_known() -> None:
    got = values([linked(1, START, lag=timedelta(hours=1))], 3)
    assert got["news_count"][0, 0] == 0.0
    assert got["news_count"][1, 0] == pytest.approx(2**-0.5)


def test_an_item_known_exactly_at_the_cut_off_is_read() -> None:
    assert values([linked(1, START)], 1)["news_count"][0, 0] == 1.0


def test_an_item_of_day_precision_ages_from_the_moment_it_was_known() -> None:
    item = linked(1, START - timedelta(hours=14), lag=timedelta(hours=14), precision=TimePrecision.DAY)
    assert values([item], 1)["news_count"][0, 0] == 1.0


def test_news_is_forgotten_after_ten_half_lives() -> None:
    got = values([linked(1, START)], 23)
    assert got["news_count"][20, 0] == pytest.approx(2.0**-10)
    assert got["news_count"][21, 0] == 0.0
    assert got["sentiment"][21, 0] == 0.0


def test_the_change_looks_ten_sessions_back() -> None:
    got = values([linked(1, START + timedelta(days=5), sentiment=0.6)], 16)
    assert np.isnan(got["sentiment_change"][:10]).all()
    assert got["sentiment_change"][12, 0] == 0.6
    assert got["sentiment_change"][15, 0] == 0.0


def test_unknown_tickers_and_no_news_leave_zeros() -> None:
    got = values([linked(1, START, tickers=("ZZZ",))], 2)
    assert (got["news_count"] == 0.0).all()
    assert (values([], 2)["sentiment"] == 0.0).all()


def test_a_panel_shorter_than_the_change_is_all_undefined_there() -> None:
    assert np.isnan(values([linked(1, START)], 3)["sentiment_change"]).all()


def many(count: int, days: int) -> list[LinkedItem]:
    random = np.random.default_rng(5)
    published = random.integers(0, days * 86_400, size=count)
    return [
        linked(
            number,
            START + timedelta(seconds=int(published[number])),
            tickers=tuple(str(name) for name in random.choice(["AAA", "BBB", "ZZZ"], size=2, replace=False)),
            sentiment=float(random.uniform(-1, 1)),
            weight=0.5,
            lag=timedelta(minutes=int(random.integers(0, 3000))),
        )
        for number in range(count)
    ]


def test_history_cut_at_a_session_equals_the_full_run_bit_for_bit() -> None:
    items = many(3000, 60)
    sessions, cutoffs = calendar(60)
    full = sentiment_features(items, TICKERS, sessions, cutoffs, 3.0)
    for rows in (1, 2, 11, 23, 37, 59):
        seen = [item for item in items if np.datetime64(item.item.known_at.replace(tzinfo=None)) <= cutoffs[rows - 1]]
        cut = sentiment_features(seen, TICKERS, sessions[:rows], cutoffs[:rows], 3.0)
        assert cut.values.tobytes() == full.values[:rows].tobytes()


def test_the_order_of_items_does_not_matter() -> None:
    items = many(500, 20)
    sessions, cutoffs = calendar(20)
    one = sentiment_features(items, TICKERS, sessions, cutoffs, 3.0)
    other = sentiment_features(items[::-1], TICKERS, sessions, cutoffs, 3.0)
    assert one.values.tobytes() == other.values.tobytes()


def test_forty_thousand_items_over_six_years_stay_quick() -> None:
    items = many(40_000, 1500)
    sessions, cutoffs = calendar(1500)
    started = time.process_time()
    panel = sentiment_features(items, TICKERS, sessions, cutoffs, 3.0)
    assert time.process_time() - started < 5.0
    assert panel.values.shape == (1500, 2, len(NAMES))


def test_bad_arguments_are_refused_by_name() -> None:
    sessions, cutoffs = calendar(3)
    with pytest.raises(ValueError, match="`half_life_days`"):
        sentiment_features([], TICKERS, sessions, cutoffs, 0.0)
    with pytest.raises(ValueError, match="`cutoffs` must not fall"):
        sentiment_features([], TICKERS, sessions, cutoffs[::-1].copy(), 3.0)
    with pytest.raises(ValueError, match="`cutoffs` must be"):
        sentiment_features([], TICKERS, sessions, cutoffs[:2], 3.0)
    with pytest.raises(ValueError, match="`cutoffs` must be"):
        sentiment_features([], TICKERS, sessions, cutoffs.astype("datetime64[ns]"), 3.0)


def test_the_definition_names_the_half_life() -> None:
    sessions, cutoffs = calendar(3)
    hashes = {sentiment_features([], TICKERS, sessions, cutoffs, half_life).set_hash for half_life in (2.0, 3.0)}
    assert len(hashes) == 2


def test_replacing_the_score_of_an_unread_item_changes_nothing() -> None:
    early, late = linked(1, START), linked(2, START + timedelta(days=3))
    before = values([early, late], 3)["sentiment"]
    after = values([early, replace(late, sentiment=-1.0)], 3)["sentiment"]
    assert before.tobytes() == after.tobytes()
