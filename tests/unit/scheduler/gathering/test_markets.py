"""Which market is traded and over which sessions: every choice a user has, and the messages for those that fail."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tenthman_markets import small_market

from tenthman.config import Config, load_config
from tenthman.data import yahoo
from tenthman.data.calendar import sessions_between
from tenthman.data.pack_building import build_pack
from tenthman.domain.errors import ConfigError, DataMissing
from tenthman.domain.market import MarketData, MarketKind, Period
from tenthman.scheduler.gathering.markets import Source, choose_market, choose_period

TODAY = date(2026, 6, 1)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load_config(None, {"TENTHMAN_HOME": str(tmp_path / "home")})


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    rows = [
        {"date": hours.session, "ticker": ticker, "open": 10.0, "high": 11.0, "low": 9.0, "close": 10.0,
         "volume": 1000.0}
        for hours in sessions_between(date(2020, 1, 2), date(2020, 1, 31))
        for ticker in ("AAA", "SPY")
    ]  # fmt: skip
    bars, universe = tmp_path / "bars.parquet", tmp_path / "universe.csv"
    pq.write_table(pa.Table.from_pylist(rows), bars)
    universe.write_text(
        "ticker,name,issuer,sector,aliases,member_from,member_to\nAAA,Alpha,Alpha,Energy,,2019-01-01,\n",
        encoding="utf-8",
    )
    folder = tmp_path / "pack"
    build_pack(
        folder,
        bars=bars,
        headlines=None,
        universe=universe,
        name="tiny",
        description="two tickers",
        source="test",
        licence="none",
        price_basis="as written",
        index_ticker="SPY",
    )
    return folder


@pytest.fixture
def market() -> MarketData:
    """Twelve sessions from Monday 2020-01-06 on, two more in the calendar, and one scenario."""
    made = small_market({"AAA": [(10.0, 11.0, 9.0, 10.0)] * 12})
    return replace(made, scenarios={"default": Period(first=date(2020, 1, 8), last=date(2020, 1, 10))})


@pytest.fixture
def no_yahoo(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> MarketData:
        raise DataMissing("Yahoo cannot be reached, so 0 names answered: no route")

    monkeypatch.setattr(yahoo, "fetch_yahoo_market", unreachable)


class TestChooseMarket:
    def test_auto_falls_back_to_practice_and_says_why(self, config: Config, no_yahoo: None) -> None:
        said: list[str] = []
        chosen = choose_market(config, "auto", None, TODAY, said.append)
        assert chosen.market.provenance.kind is MarketKind.PRACTICE
        assert "Yahoo cannot be reached" in chosen.why
        assert said == ["asking Yahoo Finance for prices", "making the practice market"]

    def test_yahoo_asked_for_by_name_does_not_fall_back(self, config: Config, no_yahoo: None) -> None:
        with pytest.raises(DataMissing, match="Yahoo cannot be reached"):
            choose_market(config, "yahoo", None, TODAY, lambda _: None)

    def test_auto_takes_yahoo_where_it_answers(
        self, config: Config, market: MarketData, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(yahoo, "fetch_yahoo_market", lambda *_, **__: market)
        chosen = choose_market(config, "auto", None, TODAY, lambda _: None)
        assert chosen.market is market
        assert "Yahoo answered" in chosen.why

    def test_practice_asks_nobody(self, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
        def never(*_: object, **__: object) -> MarketData:
            raise AssertionError("Yahoo must not be asked")

        monkeypatch.setattr(yahoo, "fetch_yahoo_market", never)
        chosen = choose_market(config, "practice", None, TODAY, lambda _: None)
        assert chosen.market.provenance.kind is MarketKind.PRACTICE
        assert chosen.why == "it was asked for"
        assert {"default", "crash"} <= set(chosen.market.scenarios)

    @pytest.mark.parametrize("source", ["auto", "pack"])
    def test_a_named_pack_is_taken(self, config: Config, pack: Path, source: Source) -> None:
        chosen = choose_market(config, source, pack, TODAY, lambda _: None)
        assert (chosen.market.provenance.kind, chosen.market.provenance.name) == (MarketKind.PACK, "tiny")

    @pytest.mark.parametrize("source", ["practice", "yahoo"])
    def test_a_pack_with_another_market_is_a_contradiction(self, config: Config, pack: Path, source: Source) -> None:
        with pytest.raises(ConfigError, match=f"`--pack` goes with `--market` auto or pack, was '{source}'"):
            choose_market(config, source, pack, TODAY, lambda _: None)

    def test_a_pack_market_without_a_folder_says_where_to_name_one(self, config: Config) -> None:
        with pytest.raises(ConfigError, match=r"--pack or as market\.pack in settings\.yaml"):
            choose_market(config, "pack", None, TODAY, lambda _: None)

    def test_a_pack_that_is_not_there_never_becomes_another_market(self, config: Config, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="nowhere"):
            choose_market(config, "auto", tmp_path / "nowhere", TODAY, lambda _: None)


class TestChoosePeriod:
    def test_no_dates_mean_the_scenario(self, market: MarketData) -> None:
        assert choose_period(market, None, None, "default", 20) == market.scenarios["default"]

    def test_an_unknown_scenario_lists_the_known_ones(self, market: MarketData) -> None:
        with pytest.raises(ConfigError, match=r"`--scenario` must be one of \['default'\] on this market, was 'crash'"):
            choose_period(market, None, None, "crash", 20)

    def test_both_ends_are_taken_and_move_inward_to_sessions(self, market: MarketData) -> None:
        period = choose_period(market, date(2020, 1, 11), date(2020, 1, 19), "default", 20)
        assert period == Period(first=date(2020, 1, 13), last=date(2020, 1, 17))

    def test_a_first_day_alone_is_completed_forward(self, market: MarketData) -> None:
        period = choose_period(market, date(2020, 1, 8), None, "default", 3)
        assert period == Period(first=date(2020, 1, 8), last=date(2020, 1, 10))

    def test_a_last_day_alone_is_completed_backward(self, market: MarketData) -> None:
        period = choose_period(market, None, date(2020, 1, 14), "default", 3)
        assert period == Period(first=date(2020, 1, 10), last=date(2020, 1, 14))

    def test_fewer_sessions_than_asked_for_are_all_there_are(self, market: MarketData) -> None:
        period = choose_period(market, date(2020, 1, 20), None, "default", 50)
        assert period == Period(first=date(2020, 1, 20), last=date(2020, 1, 21))

    @pytest.mark.parametrize(
        ("first", "last", "name"),
        [
            (date(2019, 12, 31), None, "--from"),
            (date(2020, 1, 22), None, "--from"),
            (None, date(2020, 1, 3), "--to"),
            (date(2020, 1, 8), date(2020, 1, 22), "--to"),
        ],
    )
    def test_a_date_outside_the_bars_names_the_bounds(
        self, market: MarketData, first: date | None, last: date | None, name: str
    ) -> None:
        with pytest.raises(ConfigError, match=rf"`{name}` must lie in .* 2020-01-06\.\.2020-01-21, was "):
            choose_period(market, first, last, "default", 20)

    def test_dates_in_the_wrong_order_are_told_so(self, market: MarketData) -> None:
        with pytest.raises(ConfigError, match="`--from` must not be after `--to` 2020-01-08, was 2020-01-15"):
            choose_period(market, date(2020, 1, 15), date(2020, 1, 8), "default", 20)

    def test_a_weekend_holds_no_session(self, market: MarketData) -> None:
        with pytest.raises(ConfigError, match=r"no session of this market in 2020-01-11\.\.2020-01-12"):
            choose_period(market, date(2020, 1, 11), date(2020, 1, 12), "default", 20)
