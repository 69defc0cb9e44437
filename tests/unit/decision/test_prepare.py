"""Nothing after the moment of decision reaches `prepare`, and a decision reads what its model was trained on."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from tenthman_decision import (
    CONFIG,
    SESSIONS,
    TICKERS,
    a_question,
    history_of,
    holes,
    morning_after,
    tiny_model,
    wandering_market,
    wandering_news,
)
from tenthman_markets import INDEX
from tenthman_risk import a_book

from tenthman.data.market import MarketView
from tenthman.decision import Prepared, compute_features, decide, prepare
from tenthman.domain.errors import DataMissing
from tenthman.domain.market import FIELDS, MarketData, Panel, Universe

PRICES = {ticker: Decimal(40 + number) for number, ticker in enumerate(TICKERS)}
ROWS = (60, 75, 100, 119, 131, SESSIONS - 1)


def prepared(view: MarketView, prices: dict[str, Decimal] = PRICES) -> Prepared:
    return prepare(view, tiny_model(), prices, CONFIG)


def require_same(one: Prepared, other: Prepared) -> None:
    """Bit for bit."""
    assert one.features.tickers == other.features.tickers
    assert one.features.names == other.features.names
    assert one.features.values.tobytes() == other.features.values.tobytes()
    assert (one.signals, one.facts, one.skipped) == (other.signals, other.facts, other.skipped)
    assert one.as_of == other.as_of


@pytest.mark.parametrize("row", ROWS)
def test_a_history_cut_at_the_moment_prepares_the_same_as_the_whole_one(row: int) -> None:
    market, news = wandering_market(), wandering_news()
    at = morning_after(market, row)
    cut = history_of(market, [item for item in news if item.item.known_at <= at], row + 1)
    whole = history_of(market, news)
    require_same(prepared(cut.serve(at)), prepared(whole.serve(at)))
    assert len(prepared(whole.serve(at)).signals) >= 12


@pytest.mark.parametrize("row", ROWS[:-1])
def test_a_future_turned_upside_down_prepares_the_same(row: int) -> None:
    market, news = wandering_market(), wandering_news()
    at = morning_after(market, row)
    wild = {name: np.array(getattr(market.panel, name)) for name in FIELDS}
    for cells in wild.values():
        cells[row + 1 :] *= 7.0
    other = replace(market, panel=Panel(sessions=market.panel.sessions, tickers=market.panel.tickers, **wild))
    feelings = [item if item.item.known_at <= at else replace(item, sentiment=-item.sentiment) for item in news]
    require_same(prepared(history_of(market, news).serve(at)), prepared(history_of(other, feelings).serve(at)))


def test_in_the_middle_of_a_session_its_bar_is_not_known() -> None:
    market, news = wandering_market(), wandering_news()
    at = market.hours[120].close_at - timedelta(minutes=30)
    now = prepared(history_of(market, news).serve(at))
    assert {signal.session for signal in now.signals} == {market.hours[119].session}


@pytest.mark.parametrize("row", ROWS)
def test_the_row_that_a_decision_reads_is_the_row_that_training_reads(row: int) -> None:
    market = wandering_market()
    whole = history_of(market, wandering_news())
    late = compute_features(whole.serve(morning_after(market, SESSIONS - 1)), CONFIG)
    then = compute_features(whole.serve(morning_after(market, row)), CONFIG)
    assert late.values[row].tobytes() == then.values[row].tobytes()
    assert np.isfinite(then.values[row]).any()
    assert then.values.shape == (row + 1, len(TICKERS) + 1, len(late.names))


def test_the_few_rows_of_a_decision_equal_those_of_the_whole_computation() -> None:
    market = wandering_market()
    view = history_of(market, wandering_news()).serve(morning_after(market, 131))
    whole, few = compute_features(view, CONFIG), compute_features(view, CONFIG, 11)
    assert few.names == whole.names
    assert few.sessions.tolist() == whole.sessions[-11:].tolist()
    assert few.values[-1].tobytes() == whole.values[-1].tobytes()


def shuffled(market: MarketData, seed: int) -> MarketData:
    """The same market with its columns and listings in another order."""
    draw = np.random.default_rng(seed)
    columns = [market.panel.tickers[place] for place in draw.permutation(len(market.panel.tickers))]
    listings = [market.universe.listings[place] for place in draw.permutation(len(market.universe.listings))]
    universe = Universe(listings=tuple(listings), index_ticker=INDEX)
    return replace(market, panel=market.panel.select(tuple(columns)), universe=universe)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_columns_and_listings_changes_nothing(seed: int) -> None:
    market, news = wandering_market(), wandering_news()
    at = morning_after(market, 131)
    plain = prepared(history_of(market, news).serve(at))
    other = prepared(history_of(shuffled(market, seed), news).serve(at))
    assert (other.signals, other.facts, other.skipped) == (plain.signals, plain.facts, plain.skipped)
    told = [list(decide(item, a_book(), holes(), a_question(), CONFIG)) for item in (plain, other)]
    assert told[0] == told[1]
    assert told[0], "somebody must be a candidate"


def test_members_of_the_day_have_a_signal_each_and_nobody_else() -> None:
    market = wandering_market()
    view = history_of(market, wandering_news()).serve(morning_after(market, 131))
    assert [signal.ticker for signal in prepared(view).signals] == [item for item in TICKERS if item != "T05"]
    earlier = history_of(market, wandering_news()).serve(morning_after(market, 90))
    assert [signal.ticker for signal in prepared(earlier).signals] == list(TICKERS)


def test_who_lacks_a_number_sits_out_and_the_reason_is_kept() -> None:
    market = wandering_market()
    view = history_of(market, wandering_news()).serve(morning_after(market, 61))
    without = {ticker: price for ticker, price in PRICES.items() if ticker not in ("T00", "T01")} | {"T01": Decimal(0)}
    done = prepared(view, without)
    assert done.skipped == {"T00": "no price", "T01": "no price", "T03": "no bar in the last session"}
    assert not {"T00", "T01", "T03"} & {signal.ticker for signal in done.signals}


def test_a_member_without_any_bar_sits_out() -> None:
    market = wandering_market()
    stranger = replace(market.universe.listings[0], ticker="NEW", issuer="NEW")
    universe = replace(market.universe, listings=(*market.universe.listings, stranger))
    view = history_of(replace(market, universe=universe), ()).serve(morning_after(market, 131))
    assert prepared(view).skipped == {"NEW": "no bars"}


def test_levels_reach_people_and_ranks_do_not() -> None:
    market = wandering_market()
    facts = prepared(history_of(market, wandering_news()).serve(morning_after(market, 131))).facts["T00"]
    assert facts.last_price == 40.0
    assert "rsi_14" in facts.features
    assert not [name for name in facts.features if name.startswith("rank_")]
    assert all(np.isfinite(value) for value in facts.features.values())


def test_a_view_without_sessions_is_refused() -> None:
    market = wandering_market()
    view = history_of(market, (), 1).serve(market.hours[0].open_at)
    with pytest.raises(DataMissing, match="at least one session"):
        prepared(view)
