"""Whatever the history, the gate serves what was known and nothing else."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tenthman.data.calendar import sessions_between
from tenthman.data.market import MarketHistory, MarketView
from tenthman.domain.market import FIELDS, Bar, Listing, Panel, Universe
from tenthman.domain.news import LinkedItem, NewsItem, TimePrecision

HOURS = sessions_between(date(2020, 1, 2), date(2020, 1, 17))
TICKERS = ("AAA", "BBB", "SPY")
START = HOURS[0].open_at - timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

instants = st.integers(0, 20 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes))


@st.composite
def bars(draw: Callable[[st.SearchStrategy[object]], object]) -> list[Bar]:
    cells = draw(st.sets(st.tuples(st.sampled_from(HOURS), st.sampled_from(TICKERS)), min_size=1))
    made = []
    for hours, ticker in sorted(cells, key=lambda cell: (cell[0].session, cell[1])):
        late = draw(st.one_of(st.just(0), st.integers(0, 4 * 24 * 60)))
        price = draw(st.integers(1, 500))
        made.append(
            Bar(
                ticker=ticker, session=hours.session, open=price, high=price + 1, low=price / 2, close=price,
                volume=10.0 * price, known_at=hours.close_at + timedelta(minutes=late),
            )
        )  # fmt: skip
    return draw(st.permutations(made))


@st.composite
def news(draw: Callable[[st.SearchStrategy[object]], object]) -> list[LinkedItem]:
    times = draw(st.lists(instants, max_size=25))
    return [
        LinkedItem(
            item=NewsItem(
                id=f"n{number}", headline="words", summary="", source="", url="", published_at=at, known_at=at,
                precision=TimePrecision.INSTANT,
            ),
            tickers=tuple(draw(st.sets(st.sampled_from(TICKERS)))), weight=1.0, sentiment=0.0,
        )
        for number, at in enumerate(times)
    ]  # fmt: skip


@st.composite
def universes(draw: Callable[[st.SearchStrategy[object]], object]) -> Universe:
    listings = []
    for ticker in TICKERS:
        begin = date(2019, 12, 25) + timedelta(days=draw(st.integers(0, 20)))
        length = draw(st.one_of(st.none(), st.integers(1, 20)))
        end = None if length is None else begin + timedelta(days=length)
        listings.append(
            Listing(ticker=ticker, name="", issuer=ticker, sector="", aliases=(), member_from=begin, member_to=end)
        )
    return Universe(listings=tuple(listings), index_ticker="SPY")


def _empty(universe: Universe) -> MarketHistory:
    nothing = {name: np.empty((0, len(TICKERS))) for name in FIELDS}
    panel = Panel(sessions=np.array([], dtype="datetime64[D]"), tickers=TICKERS, **nothing)
    return MarketHistory(panel, np.array([], dtype="datetime64[us]"), [], universe, HOURS)


def _cells(view: MarketView) -> dict[tuple[date, str], tuple[float, ...]]:
    panel = view.panel
    return {
        (day, ticker): tuple(float(getattr(panel, name)[row, column]) for name in FIELDS)
        for row, day in enumerate(panel.sessions.tolist())
        for column, ticker in enumerate(panel.tickers)
        if not all(np.isnan(getattr(panel, name)[row, column]) for name in FIELDS)
    }


@given(bars=bars(), items=news(), universe=universes(), as_of=instants, cut=st.integers(0, 100))
@settings(max_examples=150, deadline=None)
def test_exactly_what_was_known_is_served_however_it_came_in(
    bars: list[Bar], items: list[LinkedItem], universe: Universe, as_of: datetime, cut: int
) -> None:
    first, rest = bars[:cut], bars[cut:]
    history = _empty(universe).with_bars(first).with_news(items[:cut]).with_bars(rest).with_news(items[cut:])
    view = history.serve(as_of)
    assert _cells(view) == {
        (bar.session, bar.ticker): (bar.open, bar.high, bar.low, bar.close, bar.volume)
        for bar in bars
        if bar.known_at <= as_of
    }
    assert set(view.panel.sessions.tolist()) == {bar.session for bar in bars if bar.known_at <= as_of}
    known = [item for item in items if item.item.known_at <= as_of]
    assert view.news == tuple(sorted(known, key=lambda item: (item.item.known_at, item.item.id)))


@given(bars=bars(), items=news(), universe=universes(), earlier=instants, later=instants)
@settings(max_examples=100, deadline=None)
def test_what_is_served_once_is_served_ever_after(
    bars: list[Bar], items: list[LinkedItem], universe: Universe, earlier: datetime, later: datetime
) -> None:
    earlier, later = sorted((earlier, later))
    history = _empty(universe).with_bars(bars).with_news(items)
    before, after = history.serve(earlier), history.serve(later)
    assert _cells(before).items() <= _cells(after).items()
    assert after.news[: len(before.news)] == before.news


@given(bars=bars(), items=news(), universe=universes(), as_of=instants)
@settings(max_examples=100, deadline=None)
def test_what_comes_later_changes_nothing_that_was_served(
    bars: list[Bar], items: list[LinkedItem], universe: Universe, as_of: datetime
) -> None:
    whole = _empty(universe).with_bars(bars).with_news(items).serve(as_of)
    cut = (
        _empty(universe)
        .with_bars([bar for bar in bars if bar.known_at <= as_of])
        .with_news([item for item in items if item.item.known_at <= as_of])
        .serve(as_of)
    )
    assert _cells(whole) == _cells(cut)
    assert whole.news == cut.news
    assert whole.members() == cut.members()


@given(bars=bars(), as_of=instants)
@settings(max_examples=60, deadline=None)
def test_no_served_array_can_be_written(bars: list[Bar], as_of: datetime) -> None:
    panel = _empty(Universe(listings=(), index_ticker="SPY")).with_bars(bars).serve(as_of).panel
    assert not panel.sessions.flags.writeable
    assert not any(getattr(panel, name).flags.writeable for name in FIELDS)


@given(universe=universes(), as_of=instants)
@settings(max_examples=100, deadline=None)
def test_no_membership_that_is_still_to_come_is_served(universe: Universe, as_of: datetime) -> None:
    view = _empty(universe).serve(as_of)
    assert all(item.member_from <= view.today for item in view.universe.listings)
    assert all(item.member_to is None or item.member_to <= view.today for item in view.universe.listings)
    assert {item.ticker for item in view.members()} == {item.ticker for item in universe.members(view.today)}


@given(items=news(), as_of=instants, since=instants, ticker=st.sampled_from(TICKERS))
@settings(max_examples=100, deadline=None)
def test_news_of_a_ticker_is_what_was_linked_to_it_and_known_in_the_window(
    items: list[LinkedItem], as_of: datetime, since: datetime, ticker: str
) -> None:
    view = _empty(Universe(listings=(), index_ticker="SPY")).with_news(items).serve(as_of)
    expected = [item for item in view.news if ticker in item.tickers and item.item.known_at >= since]
    assert list(view.news_for(ticker, since)) == expected
