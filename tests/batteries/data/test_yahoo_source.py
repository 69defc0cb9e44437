"""Yahoo through yfinance keeps the promise of every source: in recorded forms, and on the exchange."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from tenthman_source_battery import (
    DAYS,
    IMPOSSIBLE_ROW,
    SEEN,
    ExchangeBattery,
    SourceBattery,
    Wire,
    forget_answers,
    recorded,
    serving,
)

from tenthman.data.calendar import sessions_between
from tenthman.data.elsewhere import session_to
from tenthman.data.sources import ActionKind, CorporateAction
from tenthman.data.yahoo import YahooSource
from tenthman.domain.errors import BrokerUnavailable
from tenthman.exchange.process import ExchangeProcess


class TestYahooInRecordedForms(SourceBattery):
    @pytest.fixture
    def wire(self) -> Iterator[Wire]:
        forget_answers()
        with serving() as server:
            yield server
        forget_answers()

    @pytest.fixture
    def source(self, wire: Wire, tmp_path: Path) -> Iterator[YahooSource]:
        with session_to(f"http://127.0.0.1:{wire.port}") as session:
            yield YahooSource(tmp_path, 20.0, session)

    def test_a_row_that_contradicts_itself_is_refused_and_the_others_come(
        self, wire: Wire, source: YahooSource
    ) -> None:
        wire.bend["AAA", DAYS[0]] = IMPOSSIBLE_ROW
        found = source.daily(["AAA"], *DAYS, SEEN)
        assert [bar.session for bar in found.bars] == [DAYS[1]]
        assert [(flag.ticker, flag.session, flag.rule) for flag in found.refused] == [("AAA", DAYS[0], "impossible")]

    def test_a_number_that_is_none_is_refused_too(self, wire: Wire, source: YahooSource) -> None:
        wire.bend["AAA", DAYS[0]] = (100.0, float("inf"), 98.0, 103.0, 1.0)
        found = source.daily(["AAA"], *DAYS, SEEN)
        assert [bar.session for bar in found.bars] == [DAYS[1]]
        assert "`high`" in found.refused[0].detail

    def test_rounding_is_no_contradiction(self, wire: Wire, source: YahooSource) -> None:
        wire.bend["AAA", DAYS[0]] = (100.0, 103.0 * (1 - 1e-6), 98.0, 103.0, 1.0)
        assert source.daily(["AAA"], DAYS[0], DAYS[0], SEEN).bars[0].high == 103.0

    def test_an_unanswered_ticker_is_named_with_the_cause(self, source: YahooSource) -> None:
        assert source.daily(["AAA", "ZZZ"], *DAYS, SEEN).silent["ZZZ"]

    def test_splits_and_dividends_come_by_their_ex_date(self, source: YahooSource) -> None:
        assert source.actions(["AAA", "BRK-B"], *DAYS) == (
            CorporateAction(ticker="AAA", ex_date=DAYS[1], kind=ActionKind.SPLIT, value=4.0),
            CorporateAction(ticker="BRK-B", ex_date=DAYS[0], kind=ActionKind.DIVIDEND, value=0.5),
        )

    @pytest.mark.shared_data
    def test_an_answer_that_was_recorded_from_yahoo_comes_number_by_number(
        self, wire: Wire, source: YahooSource, shared_data: Path
    ) -> None:
        body = recorded(shared_data, "chart-AAPL-2020-08-31-to-2020-11-07.json")
        wire.recorded["/v8/finance/chart/AAPL"] = body
        told = body["chart"]["result"][0]["indicators"]["quote"][0]
        span = date(2020, 8, 31), date(2020, 11, 6)
        bars = source.daily(["AAPL"], *span, SEEN).bars
        assert [bar.session for bar in bars] == [item.session for item in sessions_between(*span)]
        for name in ("open", "high", "low", "close", "volume"):
            assert [getattr(bar, name) for bar in bars] == told[name]
        assert source.actions(["AAPL"], *span) == (
            CorporateAction(ticker="AAPL", ex_date=span[0], kind=ActionKind.SPLIT, value=4.0),
            CorporateAction(ticker="AAPL", ex_date=span[1], kind=ActionKind.DIVIDEND, value=0.205),
        )


@pytest.fixture(scope="module")
def on_the_exchange(
    exchange_of_the_truth: ExchangeProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[YahooSource]:
    forget_answers()
    with session_to(exchange_of_the_truth.rest_url) as session:
        yield YahooSource(tmp_path_factory.mktemp("yfinance"), 20.0, session)
    forget_answers()


class TestYahooOnOurExchange(ExchangeBattery):
    @pytest.fixture
    def source(self, on_the_exchange: YahooSource) -> YahooSource:
        return on_the_exchange

    def test_dividends_come_by_their_ex_date(self, source: YahooSource) -> None:
        assert source.actions(["AAA", "BRK-B"], *DAYS) == (
            CorporateAction(ticker="BRK-B", ex_date=DAYS[0], kind=ActionKind.DIVIDEND, value=0.5),
        )

    def test_what_has_not_closed_by_the_exchanges_clock_is_not_told(self, source: YahooSource) -> None:
        later = date(2020, 1, 31)
        assert [bar.session for bar in source.daily(["AAA"], DAYS[0], later, SEEN).bars] == list(DAYS)


def test_silence_is_unavailability(tmp_path: Path) -> None:
    with (
        session_to("http://127.0.0.1:9") as session,
        pytest.raises(BrokerUnavailable, match="no answer from Yahoo Finance"),
    ):
        YahooSource(tmp_path, 20.0, session).daily(["AAA"], *DAYS, SEEN)
