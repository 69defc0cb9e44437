"""The pack built from recorded prices and headlines of 2014-2021."""

import importlib.util
import time
from datetime import date, timedelta
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tenthman.data.packs import open_pack
from tenthman.domain.market import MarketData, Period
from tenthman.domain.news import TimePrecision

pytestmark = pytest.mark.shared_data


def _tool() -> ModuleType:
    path = Path(__file__).resolve().parents[3] / "tools" / "build_shared_pack.py"
    spec = importlib.util.spec_from_file_location("build_shared_pack", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pack(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = _tool().build(shared_data, tmp_path_factory.mktemp("packs") / "sp100")
    return folder


@pytest.fixture(scope="module")
def market(pack: Path) -> MarketData:
    return open_pack(pack, archive_lag_minutes=15)


def test_the_whole_pack_opens_in_a_few_seconds(pack: Path) -> None:
    began = time.perf_counter()
    open_pack(pack, archive_lag_minutes=15)
    assert time.perf_counter() - began < 10.0


def test_it_holds_every_session_of_eight_years(market: MarketData) -> None:
    assert market.panel.sessions[0] == np.datetime64("2014-01-02")
    assert market.panel.sessions[-1] == np.datetime64("2021-12-31")
    assert len(market.panel.sessions) == 2015
    assert int((market.panel.close > 0).sum()) > 200_000
    assert market.scenarios == {
        "default": Period(first=date(2020, 1, 6), last=date(2020, 1, 31)),
        "crash": Period(first=date(2020, 2, 18), last=date(2020, 3, 20)),
    }


def test_about_a_hundred_names_are_members_and_each_has_a_bar(market: MarketData) -> None:
    members = [item.ticker for item in market.universe.members(date(2020, 1, 6))]
    assert 98 <= len(members) <= 102
    assert {"AAPL", "BRK-B", "META", "RTX", "AGN"} <= set(members)
    assert not {"FB", "UTX", "SPY", "TSLA", "AMT", "CELG"} & set(members)
    row = int(np.searchsorted(market.panel.sessions, np.datetime64("2020-01-06")))
    assert all(market.panel.close[row, market.panel.column(ticker)] > 0 for ticker in members)


def test_membership_follows_the_dated_lists(market: MarketData) -> None:
    def is_member(ticker: str, day: date) -> bool:
        return ticker in {item.ticker for item in market.universe.members(day)}

    assert [is_member("HAL", date(2019, 11, day)) for day in (22, 25)] == [True, False]
    assert [is_member("TMO", date(2020, 5, day)) for day in (5, 6)] == [False, True]
    assert is_member("GOOGL", date(2020, 1, 6)), "one list skips it, the ones before and after do not"


def test_dividends_are_those_that_were_declared(market: MarketData) -> None:
    assert market.dividends is not None
    paid = market.dividends

    def on(ticker: str, day: str) -> float:
        row = int(np.searchsorted(market.panel.sessions, np.datetime64(day)))
        return float(paid[row, market.panel.column(ticker)])

    # Apple's 0.47 of 2014-08 was before the 4:1 split of 2020, its 0.205 of 2020-11 after it.
    assert on("AAPL", "2014-08-07") == pytest.approx(0.47 / 4, abs=1e-4)
    assert on("AAPL", "2020-11-06") == pytest.approx(0.205, abs=1e-4)
    assert on("COST", "2017-05-08") == pytest.approx(7.0, abs=2e-4)
    assert on("T", "2019-04-09") == pytest.approx(0.51 / 1.324, abs=1e-4)
    assert on("SPY", "2019-12-20") == pytest.approx(1.570, abs=2e-4)
    assert not paid[:, [market.panel.column(name) for name in ("BRK-B", "GOOG", "META")]].any()


def test_the_index_yields_what_it_yielded(market: MarketData) -> None:
    assert market.dividends is not None
    column = market.panel.column("SPY")
    years = market.panel.sessions.astype("datetime64[Y]").astype(int) + 1970
    yields = [
        market.dividends[years == year, column].sum() / market.panel.close[years == year, column].mean()
        for year in range(2014, 2022)
    ]
    assert all(0.013 < found < 0.022 for found in yields)
    assert [int((market.dividends[years == year, column] > 0).sum()) for year in range(2014, 2022)] == [4] * 8


def test_two_share_classes_are_one_issuer_and_sectors_are_gics_of_the_day(market: MarketData) -> None:
    assert market.universe.issuer_of("GOOG") == market.universe.issuer_of("GOOGL") == "Alphabet"
    assert market.universe.sector_of("V") == "Information Technology"
    assert "Unknown" not in {item.sector for item in market.universe.listings}
    assert all(item.aliases for item in market.universe.listings)


def test_headlines_are_stamped_with_when_they_could_be_known(market: MarketData) -> None:
    assert 40_000 < len(market.headlines) < 46_000
    known = [item.known_at for item in market.headlines]
    assert known == sorted(known)
    for item in market.headlines:
        wait = item.known_at - item.published_at
        if item.precision is TimePrecision.INSTANT:
            assert wait == timedelta(minutes=15)
        else:
            assert timedelta(hours=17) <= wait <= timedelta(days=5)


def test_no_headline_is_repeated_on_a_day(market: MarketData) -> None:
    said = [(item.published_at.date(), item.headline.casefold()) for item in market.headlines]
    assert len(said) == len(set(said))
