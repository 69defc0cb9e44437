"""The Alpaca market source, through alpaca-py, on the served exchange."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from tenthman_exchange import SETTINGS, served
from tenthman_markets import at, small_market

from tenthman.data.alpaca import AlpacaMarketSource
from tenthman.domain.errors import BrokerUnavailable, SetupError
from tenthman.domain.news import NewsItem, TimePrecision
from tenthman.exchange.process import ExchangeProcess

OPENED = datetime(2020, 1, 6, 14, 30, tzinfo=UTC)


def _story(number: int, known_at: datetime) -> NewsItem:
    return NewsItem(
        id=f"story-{number}",
        headline=f"Headline {number}",
        summary=f"Summary {number}",
        source="test",
        url="https://example.com/story",
        published_at=known_at - timedelta(minutes=15),
        known_at=known_at,
        precision=TimePrecision.INSTANT,
        tickers=("BRK-B",),
    )


MARKET = small_market(
    {
        "AAA": [(100.0, 104.0, 98.0, 103.0), (103.0, 112.0, 101.0, 110.0), (90.0, 95.0, 85.0, 92.0)],
        "BRK-B": [(200.0, 202.0, 198.0, 201.0)] * 3,
    },
    headlines=[_story(number, OPENED + timedelta(minutes=10 * number)) for number in range(130)],
)
SEEN = at(MARKET, 1, 0.5)


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExchangeProcess]:
    with served(MARKET, OPENED - timedelta(minutes=30), tmp_path_factory.mktemp("source")) as process:
        process.advance(SEEN)
        yield process


@pytest.fixture
def source(exchange: ExchangeProcess) -> AlpacaMarketSource:
    return AlpacaMarketSource(exchange.rest_url, exchange.key, exchange.secret, SETTINGS)


def test_bars_are_those_of_the_market_in_the_houses_spelling_and_known_when_seen(source: AlpacaMarketSource) -> None:
    bars = source.bars(["BRK-B", "AAA", "ZZZ"], date(2020, 1, 1), date(2020, 1, 31), SEEN)
    assert [(bar.ticker, bar.session, bar.close) for bar in bars] == [
        ("AAA", date(2020, 1, 6), 103.0),
        ("BRK-B", date(2020, 1, 6), 201.0),
    ]
    assert {bar.known_at for bar in bars} == {SEEN}
    assert (bars[0].open, bars[0].high, bars[0].low, bars[0].volume) == (100.0, 104.0, 98.0, 1_000_000.0)


def test_first_and_last_session_are_included(source: AlpacaMarketSource) -> None:
    assert len(source.bars(["AAA"], date(2020, 1, 6), date(2020, 1, 6), SEEN)) == 1
    assert source.bars(["AAA"], date(2020, 1, 7), date(2020, 1, 7), SEEN) == []
    assert source.bars([], date(2020, 1, 6), date(2020, 1, 6), SEEN) == []


def test_news_is_gathered_over_pages_oldest_first_and_stamped_when_seen(source: AlpacaMarketSource) -> None:
    items = source.news(OPENED, SEEN, SEEN)
    assert [item.headline for item in items] == [f"Headline {number}" for number in range(len(items))]
    assert len(items) > 100
    first = items[0]
    assert first.id.startswith("alpaca:")
    assert (first.published_at, first.known_at) == (OPENED - timedelta(minutes=15), SEEN)
    assert (first.tickers, first.summary, first.url) == (("BRK-B",), "Summary 0", "https://example.com/story")


def test_two_gatherings_that_meet_miss_nothing(source: AlpacaMarketSource) -> None:
    middle = OPENED + timedelta(minutes=55)
    early, late = source.news(OPENED, middle, SEEN), source.news(middle, SEEN, SEEN)
    assert {item.id for item in early} | {item.id for item in late} == {
        item.id for item in source.news(OPENED, SEEN, SEEN)
    }


def test_a_story_is_never_published_after_it_was_seen(source: AlpacaMarketSource) -> None:
    early = OPENED - timedelta(hours=3)
    assert {item.published_at for item in source.news(OPENED, OPENED, early)} == {early}


def test_latest_prices_are_decimals_by_the_houses_ticker(source: AlpacaMarketSource) -> None:
    assert source.latest_prices(["AAA", "BRK-B", "ZZZ"]) == {"AAA": Decimal("106.5"), "BRK-B": Decimal("200.0")}
    assert source.latest_prices([]) == {}


def test_refused_keys_are_a_matter_of_setting_up(exchange: ExchangeProcess) -> None:
    stranger = AlpacaMarketSource(exchange.rest_url, "nobody", "nothing", SETTINGS)
    with pytest.raises(SetupError, match="ALPACA_API_KEY"):
        stranger.latest_prices(["AAA"])


def test_silence_is_unavailability() -> None:
    nowhere = AlpacaMarketSource("http://127.0.0.1:9", "key", "secret", SETTINGS)
    with pytest.raises(BrokerUnavailable, match="no answer"):
        nowhere.bars(["AAA"], date(2020, 1, 6), date(2020, 1, 6), SEEN)
