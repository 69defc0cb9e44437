"""Alpaca's data service through alpaca-py keeps the promise of every source: in recorded forms, and on the exchange."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from tenthman_exchange import SETTINGS
from tenthman_source_battery import (
    DAYS,
    IMPOSSIBLE_ROW,
    SEEN,
    TRUTH,
    ExchangeBattery,
    SourceBattery,
    Wire,
    recorded,
    serving,
)

from tenthman.data.alpaca import AlpacaMarketSource
from tenthman.data.sources import ActionKind, CorporateAction
from tenthman.domain.errors import BrokerUnavailable, DataCorrupt
from tenthman.domain.market import Rename
from tenthman.exchange.process import ExchangeProcess


def _source(wire: Wire) -> AlpacaMarketSource:
    return AlpacaMarketSource(f"http://127.0.0.1:{wire.port}", "key", "secret", SETTINGS, "iex")


@pytest.fixture(scope="module")
def running() -> Iterator[Wire]:
    with serving() as server:
        yield server


@pytest.fixture
def wire(running: Wire) -> Iterator[Wire]:
    running.asked.clear()
    yield running
    running.bend.clear()
    running.refusals, running.reset_after_s = 0, 0.0
    running.nonsense = None
    running.turns = {}
    running.renamed.clear()
    running.recorded.clear()


class TestAlpacaInRecordedForms(SourceBattery):
    @pytest.fixture
    def source(self, wire: Wire) -> AlpacaMarketSource:
        return _source(wire)

    def test_pages_are_followed_with_the_feed_and_the_adjustment_that_were_asked_for(self, wire: Wire) -> None:
        assert len(_source(wire).daily(["AAA", "BRK-B"], *DAYS, SEEN).bars) == 4
        queries = [query for _, query in wire.asked]
        assert [query.get("page_token") for query in queries] == [None, "3"]
        assert {(query["feed"], query["adjustment"], query["timeframe"]) for query in queries} == {
            ("iex", "split", "1Day")
        }
        assert {query["symbols"] for query in queries} == {"AAA,BRK.B"}

    def test_a_row_that_contradicts_itself_is_refused_and_the_others_come(self, wire: Wire) -> None:
        wire.bend["AAA", DAYS[0]] = IMPOSSIBLE_ROW
        found = _source(wire).daily(["AAA"], *DAYS, SEEN)
        assert [bar.session for bar in found.bars] == [DAYS[1]]
        assert [(flag.ticker, flag.session, flag.rule) for flag in found.refused] == [("AAA", DAYS[0], "impossible")]

    def test_a_row_that_cannot_be_read_is_corrupt(self, wire: Wire) -> None:
        wire.bend["AAA", DAYS[0]] = (1.0, 1.0, 1.0, None, 1.0)  # type: ignore[assignment]
        with pytest.raises(DataCorrupt, match="`c` must be a number, was None"):
            _source(wire).daily(["AAA"], *DAYS, SEEN)

    @pytest.mark.parametrize("stamp", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59-05:00"])
    def test_a_bar_of_a_time_that_no_calendar_has_is_corrupt_and_no_crash(self, wire: Wire, stamp: str) -> None:
        row = {"t": stamp, "o": 1.0, "h": 1.0, "l": 1.0, "c": 1.0, "v": 1.0}
        wire.nonsense = {"bars": {"AAA": [row]}, "next_page_token": None}
        for ask in (
            lambda: _source(wire).daily(["AAA"], *DAYS, SEEN),
            lambda: _source(wire).intraday(["AAA"], 5, *DAYS),
        ):
            with pytest.raises(DataCorrupt, match=r"bars of AAA: `t` must lie in 1990-01-01\.\.2040-12-31"):
                ask()

    @pytest.mark.parametrize("answer", [[], {"bars": None}, {"bars": []}, {"bars": 3}, {}, "bars"])
    def test_an_answer_of_another_form_is_corrupt_and_no_crash(self, wire: Wire, answer: object) -> None:
        wire.nonsense = answer
        with pytest.raises(DataCorrupt, match="bars: the answer is unreadable"):
            _source(wire).daily(["AAA"], *DAYS, SEEN)

    def test_a_page_that_names_itself_as_the_next_is_corrupt_and_not_asked_for_ever(self, wire: Wire) -> None:
        wire.nonsense = {"bars": {}, "next_page_token": "3"}
        source = _source(wire)
        for _ in range(2):
            with pytest.raises(DataCorrupt, match="the page after '3' must be another, was '3' again"):
                source.daily(["AAA"], *DAYS, SEEN)
        assert [query.get("page_token") for _, query in wire.asked] == [None, "3"] * 2

    def test_pages_that_lead_back_to_an_earlier_one_are_corrupt_and_not_asked_for_ever(self, wire: Wire) -> None:
        wire.turns = {"": "a", "a": "b", "b": "a"}
        for ask in (
            lambda source: source.daily(["AAA"], *DAYS, SEEN),
            lambda source: source.actions(["AAA"], *DAYS),
        ):
            wire.asked.clear()
            with pytest.raises(DataCorrupt, match="the page after 'b' must be another, was 'a' again"):
                ask(_source(wire))
            assert [query.get("page_token") for _, query in wire.asked] == [None, "a", "b"]

    def test_a_rate_limit_is_waited_out_until_its_reset(self, wire: Wire) -> None:
        wire.refusals = 2
        assert len(_source(wire).daily(["AAA"], *DAYS, SEEN).bars) == 2
        assert len(wire.asked) == 3

    def test_a_rate_limit_that_stays_is_no_answer(self, wire: Wire) -> None:
        wire.refusals = 100
        with pytest.raises(BrokerUnavailable, match="429"):
            _source(wire).daily(["AAA"], *DAYS, SEEN)
        assert len(wire.asked) == 4

    def test_splits_and_dividends_come_by_their_ex_date(self, wire: Wire) -> None:
        assert _source(wire).actions(["AAA", "BRK-B"], *DAYS) == (
            CorporateAction(ticker="AAA", ex_date=DAYS[1], kind=ActionKind.SPLIT, value=4.0),
            CorporateAction(ticker="BRK-B", ex_date=DAYS[0], kind=ActionKind.DIVIDEND, value=0.5),
        )
        assert _source(wire).actions(["AAA", "BRK-B"], date(2020, 2, 3), date(2020, 2, 4)) == ()

    def test_renames_come_by_day_and_rows_that_rename_nothing_are_passed_over(self, wire: Wire) -> None:
        wire.renamed = [("BSAQ", "VFS", "2023-08-15"), ("AAA", "AAA", "2020-01-06"), ("BRK.B", "BRKB", "2020-01-06")]
        wire.renamed += [("FB", "no symbol", "2020-01-07")]
        found = _source(wire).renames(DAYS[0], date(2023, 12, 29))
        assert found == (
            Rename(old="BRK-B", new="BRKB", on=date(2020, 1, 6)),
            Rename(old="BSAQ", new="VFS", on=date(2023, 8, 15)),
        )
        assert [(query["types"], "symbols" in query) for _, query in wire.asked] == [("name_change", False)]
        wire.renamed = [("FB", "META", "soon")]
        with pytest.raises(DataCorrupt, match="name changes: Invalid isoformat string: 'soon'"):
            _source(wire).renames(*DAYS)

    def test_minute_bars_are_asked_for_unadjusted_and_stamped_by_their_beginning(self, wire: Wire) -> None:
        found = _source(wire).intraday(["BRK-B", "AAA"], 5, *DAYS).table
        assert {query["timeframe"] for _, query in wire.asked} == {"5Min"}
        assert {query["adjustment"] for _, query in wire.asked} == {"raw"}
        assert found.tickers == ("AAA", "BRK-B")
        assert found.begins[:2].astype(str).tolist() == ["2020-01-06T14:30:00.000000", "2020-01-07T14:30:00.000000"]
        assert found.close[found.codes == 0].tolist() == [row[3] for row in TRUTH["AAA"]]

    def test_a_minute_bar_that_contradicts_itself_is_refused_and_the_others_come(self, wire: Wire) -> None:
        wire.bend["AAA", DAYS[0]] = IMPOSSIBLE_ROW
        found = _source(wire).intraday(["BRK-B", "AAA"], 5, *DAYS)
        assert len(found.table) == 3
        ((told,), at) = found.refused, "at 14:30 UTC: "
        assert (told.ticker, told.session, told.rule, told.detail[:14]) == ("AAA", DAYS[0], "impossible", at)

    @pytest.mark.shared_data
    def test_the_bodies_of_alpaca_pys_own_tests_are_read(self, wire: Wire, shared_data: Path) -> None:
        source, span = _source(wire), (date(2022, 3, 9), date(2023, 12, 29))

        def served_as(path: str, ending: str) -> None:
            wire.recorded[path] = {**recorded(shared_data, ending), "next_page_token": None}

        served_as("/v2/stocks/bars", "test_historical_stock_data_03.json")
        bars = source.daily(["AAPL", "TSLA"], *span, SEEN).bars
        assert [(bar.ticker, bar.session, bar.close) for bar in bars] == [
            ("AAPL", span[0], 162.95),
            ("TSLA", span[0], 858.97),
        ]
        served_as("/v2/stocks/bars", "test_historical_stock_data_05.json")
        assert source.daily(["AAPL"], *span, SEEN).bars == ()
        served_as("/v1/corporate-actions", "test_corporate_actions_01.json")
        assert {action.kind for action in source.actions(["FCF"], *span)} == set(ActionKind)
        assert source.renames(*span) == (Rename(old="BSAQ", new="VFS", on=date(2023, 8, 15)),)
        served_as("/v2/stocks/trades/latest", "test_historical_stock_data_13.json")
        assert source.latest_prices(["AAPL", "TSLA"]) == {"AAPL": Decimal("161.2958"), "TSLA": Decimal("720.19")}
        served_as("/v1beta1/news", "test_historical_news_data_02.json")
        later = datetime(2026, 1, 1, tzinfo=UTC)
        (story,) = source.news(SEEN, later, later)
        assert (story.id, story.source) == ("alpaca:41799100", "benzinga")


class TestAlpacaOnTheExchange(ExchangeBattery):
    @pytest.fixture
    def source(self, exchange_of_the_truth: ExchangeProcess) -> AlpacaMarketSource:
        process = exchange_of_the_truth
        return AlpacaMarketSource(process.rest_url, process.key, process.secret, SETTINGS)


def test_silence_is_unavailability() -> None:
    with pytest.raises(BrokerUnavailable, match="no answer"):
        AlpacaMarketSource("http://127.0.0.1:9", "key", "secret", SETTINGS).actions(["AAA"], *DAYS)
