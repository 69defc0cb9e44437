"""The gate of time: what it refuses, and its edges."""

from dataclasses import FrozenInstanceError, replace
from datetime import date, datetime, timedelta

import numpy as np
import pytest

from tenthman.data.calendar import sessions_between
from tenthman.data.market import MarketHistory, known_at_close
from tenthman.domain.errors import DataCorrupt
from tenthman.domain.market import (
    FIELDS,
    Bar,
    Listing,
    MarketData,
    MarketKind,
    Panel,
    Provenance,
    Universe,
)
from tenthman.domain.news import LinkedItem, NewsItem, TimePrecision

HOURS = sessions_between(date(2020, 1, 2), date(2020, 1, 10))
UNIVERSE = Universe(
    listings=(
        Listing(
            ticker="AAA", name="A", issuer="A", sector="S", aliases=(), member_from=date(2019, 1, 1), member_to=None
        ),
    ),
    index_ticker="SPY",
)


def _panel(sessions: int) -> Panel:
    close = np.arange(1.0, 2 * sessions + 1).reshape(sessions, 2)
    days = np.array([item.session for item in HOURS[:sessions]], dtype="datetime64[D]")
    return Panel(
        sessions=days, tickers=("AAA", "SPY"), open=close.copy(), high=close + 1, low=close / 2, close=close,
        volume=close * 100,
    )  # fmt: skip


def _closes(sessions: int) -> np.ndarray:
    return np.array([item.close_at.replace(tzinfo=None) for item in HOURS[:sessions]], dtype="datetime64[us]")


def _history(sessions: int = 3) -> MarketHistory:
    return MarketHistory(_panel(sessions), _closes(sessions), [], UNIVERSE, HOURS)


def _market() -> MarketData:
    provenance = Provenance(
        kind=MarketKind.PACK, name="n", description="", source="", price_basis="", licence="", content_hash="0" * 64
    )
    return MarketData(provenance=provenance, panel=_panel(3), hours=HOURS, headlines=(), universe=UNIVERSE)


def _bar(session: int, close: float = 50.0, late: timedelta = timedelta(0), ticker: str = "AAA") -> Bar:
    hours = HOURS[session]
    return Bar(
        ticker=ticker, session=hours.session, open=close, high=close, low=close, close=close, volume=1.0,
        known_at=hours.close_at + late,
    )  # fmt: skip


def _item(number: int, at: datetime, headline: str = "words") -> LinkedItem:
    item = NewsItem(
        id=f"n{number}", headline=headline, summary="", source="", url="", published_at=at, known_at=at,
        precision=TimePrecision.INSTANT,
    )  # fmt: skip
    return LinkedItem(item=item, tickers=("AAA",), weight=1.0, sentiment=0.0)


def test_a_bar_is_served_at_the_very_instant_it_became_known_and_not_before() -> None:
    history = _history()
    close = HOURS[2].close_at
    assert history.serve(close).last_session == HOURS[2].session
    assert history.serve(close - timedelta(microseconds=1)).last_session == HOURS[1].session


def test_before_everything_the_world_is_empty() -> None:
    view = _history().serve(HOURS[0].open_at)
    assert view.last_session is None
    assert view.panel.close.shape == (0, 2)
    assert view.news == ()


def test_a_bar_that_comes_late_leaves_its_cell_empty_until_then() -> None:
    history = _history().with_bars([_bar(3, late=timedelta(hours=2)), _bar(3, ticker="SPY")])
    early, late = (history.serve(HOURS[3].close_at + timedelta(hours=hours)).panel for hours in (1, 2))
    assert [bool(np.isnan(getattr(early, name)[3, 0])) for name in FIELDS] == [True] * 5
    assert early.close[3, 1] == 50.0
    assert late.close[3].tolist() == [50.0, 50.0]


def test_adding_bars_leaves_the_older_history_and_its_views_alone() -> None:
    history = _history()
    end = HOURS[-1].close_at
    view = history.serve(end)
    history.with_bars([_bar(3)]).with_news([_item(1, end)])
    assert view.panel.close.shape == (3, 2)
    assert history.serve(end).panel.close.shape == (3, 2)
    assert history.serve(end).news == ()


def test_a_new_ticker_becomes_a_column_after_the_others() -> None:
    panel = _history().with_bars([_bar(1, ticker="ZZZ")]).serve(HOURS[-1].close_at).panel
    assert panel.tickers == ("AAA", "SPY", "ZZZ")
    assert np.isnan(panel.close[:, 2]).tolist() == [True, False, True]


def test_an_equal_bar_again_is_dropped_and_a_different_one_refused() -> None:
    history = _history().with_bars([_bar(3)])
    again = history.with_bars([_bar(3, late=timedelta(days=1))])
    assert again.serve(HOURS[3].close_at).last_session == HOURS[3].session
    with pytest.raises(DataCorrupt, match="AAA 2020-01-07: a second, different bar"):
        history.with_bars([_bar(3, close=51.0)])


def test_rewritten_bars_take_the_place_of_all_there_were_and_news_stays() -> None:
    end = HOURS[-1].close_at
    history = _history().with_news([_item(1, end)])
    whole = _panel(4)
    halved = replace(whole, **{name: getattr(whole, name) / 2 for name in ("open", "high", "low", "close")})
    view = history.with_panel(halved, _closes(4)).serve(end)
    assert view.panel.close.tolist() == (whole.close / 2).tolist()
    assert view.news == (_item(1, end),)
    assert history.serve(end).panel.close.shape == (3, 2)


def test_a_bar_known_before_its_close_is_refused() -> None:
    known_at = _closes(3)
    known_at[1] -= np.timedelta64(1, "us")
    with pytest.raises(DataCorrupt, match="AAA 2020-01-03: `known_at` of a bar must not be before its session's close"):
        MarketHistory(_panel(3), known_at, [], UNIVERSE, HOURS)


def test_a_bar_without_known_at_is_refused() -> None:
    known_at = np.repeat(_closes(3)[:, np.newaxis], 2, axis=1)
    known_at[2, 1] = np.datetime64("NaT")
    with pytest.raises(DataCorrupt, match=r"SPY 2020-01-06: `known_at`.*NaT"):
        MarketHistory(_panel(3), known_at, [], UNIVERSE, HOURS)


def test_a_session_outside_the_calendar_is_refused() -> None:
    with pytest.raises(DataCorrupt, match="session 2020-01-06 of the panel must be in the calendar's `hours`"):
        MarketHistory(_panel(3), _closes(3), [], UNIVERSE, HOURS[:2])


def test_known_at_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="`bar_known_at` must have shape"):
        MarketHistory(_panel(3), _closes(2), [], UNIVERSE, HOURS)


def test_a_repeated_headline_is_dropped_and_a_contradiction_refused() -> None:
    at = HOURS[1].open_at
    history = _history().with_news([_item(1, at), _item(2, at)])
    assert len(history.with_news([_item(1, at)]).serve(at).news) == 2
    with pytest.raises(DataCorrupt, match="headline 'n1': two different items"):
        history.with_news([_item(1, at, "other words")])


def test_an_edited_headline_is_a_second_item_from_its_own_time_on() -> None:
    at = HOURS[1].open_at
    history = _history().with_news([_item(1, at), _item(1, at + timedelta(hours=1), "corrected words")])
    assert [item.item.headline for item in history.serve(at).news] == ["words"]
    assert len(history.serve(HOURS[1].close_at).news) == 2


def test_headlines_that_come_out_of_order_are_served_in_order() -> None:
    times = [HOURS[n].open_at for n in (2, 0, 1)]
    history = _history()
    for number, at in enumerate(times):
        history = history.with_news([_item(number, at)])
    assert [item.item.id for item in history.serve(HOURS[-1].close_at).news] == ["n1", "n2", "n0"]
    assert [item.item.id for item in history.serve(HOURS[-1].close_at).news_for("AAA", times[2])] == ["n2", "n0"]


def test_members_are_those_of_new_yorks_date() -> None:
    joins = replace(UNIVERSE.listings[0], ticker="BBB", member_from=date(2020, 1, 7))
    leaves = replace(UNIVERSE.listings[0], member_to=date(2020, 1, 7))
    universe = Universe(listings=(leaves, joins), index_ticker="SPY")
    history = MarketHistory(_panel(3), _closes(3), [], universe, HOURS)
    late_evening = datetime.fromisoformat("2020-01-07T04:59:59+00:00")
    assert [item.ticker for item in history.serve(late_evening).members()] == ["AAA"]
    assert [item.ticker for item in history.serve(late_evening + timedelta(seconds=1)).members()] == ["BBB"]
    assert history.serve(late_evening).universe.listings[0].member_to is None


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="`as_of` must be an aware datetime"):
        _history().serve(datetime(2020, 1, 7))  # noqa: DTZ001 the point of the test
    with pytest.raises(ValueError, match="`since` must be an aware datetime"):
        _history().serve(HOURS[2].close_at).news_for("AAA", datetime(2020, 1, 7))  # noqa: DTZ001 the point of the test


def test_neither_view_nor_arrays_can_be_changed() -> None:
    view = _history().serve(HOURS[2].close_at)
    with pytest.raises(ValueError, match="read-only"):
        view.panel.close[0, 0] = 1.0
    with pytest.raises(ValueError, match="WRITEABLE"):
        view.panel.close.flags.writeable = True
    with pytest.raises(FrozenInstanceError):
        view.as_of = HOURS[0].open_at  # type: ignore[misc]


def test_a_whole_market_is_known_session_by_session_at_the_close() -> None:
    market = _market()
    history = MarketHistory(market.panel, known_at_close(market), [], market.universe, market.hours)
    assert history.serve(HOURS[1].close_at).last_session == HOURS[1].session


@pytest.mark.parametrize(
    ("dividends", "message"),
    [
        (np.zeros((3, 3)), r"`dividends` must be float64 of shape \(3, 2\), was float64 \(3, 3\)"),
        (np.zeros((3, 2), dtype=np.float32), r"`dividends` must be float64 of shape \(3, 2\), was float32"),
        (np.array([[0, 0], [0, -0.5], [0, 0]]), "SPY 2020-01-03: `dividends` must be finite and at least 0, was -0.5"),
        (np.array([[0, 0], [0, 0], [np.nan, 0]]), "AAA 2020-01-06: `dividends` must be finite and at least 0, was nan"),
    ],
)
def test_dividends_that_cannot_be_are_refused(dividends: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(_market(), dividends=dividends)


def test_dividends_are_not_known_unless_they_are_given_and_cannot_be_written_to() -> None:
    assert _market().dividends is None
    known = replace(_market(), dividends=np.zeros((3, 2)))
    assert known.dividends is not None
    assert not known.dividends.flags.writeable
