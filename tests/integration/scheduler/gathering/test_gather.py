"""What the desk takes in: an edited headline is another version, the same one seen again is not."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np

from tenthman.data.bars import BarStore
from tenthman.data.market import MarketHistory
from tenthman.db.pool import Pool
from tenthman.domain.market import Bar, Listing, MarketKind, Panel, Provenance, Universe
from tenthman.domain.news import NewsItem, TimePrecision
from tenthman.news.linker import Linker
from tenthman.news.storage import NewsStore
from tenthman.scheduler.gathering.gather import Gatherer

BEGUN = datetime(2020, 1, 6, 14, 0, tzinfo=UTC)
ACME = Listing(
    ticker="ACM",
    name="Acme",
    issuer="Acme",
    sector="S",
    aliases=(),
    member_from=date(2019, 1, 1),
    member_to=None,
)
UNIVERSE = Universe(listings=(ACME,), index_ticker="SPY")


class Publisher:
    """One article, whose headline may change."""

    headline = "Acme expects a strong quarter"

    def bars(self, tickers: Sequence[str], first: date, last: date, seen_at: datetime) -> Sequence[Bar]:
        return ()

    def latest_prices(self, tickers: Sequence[str]) -> dict[str, Decimal]:
        return {}

    def news(self, after: datetime, until: datetime, seen_at: datetime) -> Sequence[NewsItem]:
        named = {"id": "a", "headline": self.headline, "summary": "", "source": "wire", "url": ""}
        return [NewsItem(**named, published_at=BEGUN, known_at=seen_at, precision=TimePrecision.INSTANT)]


def test_an_edited_headline_is_kept_beside_the_first_and_each_is_known_from_when_it_was_seen(pool: Pool) -> None:
    empty = np.empty((0, 0))
    panel = Panel(
        sessions=np.empty(0, dtype="datetime64[D]"),
        tickers=(),
        open=empty,
        high=empty,
        low=empty,
        close=empty,
        volume=empty,
    )
    bars, store = BarStore(pool, "m"), NewsStore(pool, "m")
    told = {"name": "n", "description": "d", "source": "s", "price_basis": "p", "licence": "l", "content_hash": "h"}
    bars.save_market(Provenance(kind=MarketKind.PRACTICE, **told), UNIVERSE)
    history = MarketHistory(panel, np.empty(0, dtype="datetime64[us]"), [], UNIVERSE, ())
    publisher = Publisher()
    gatherer = Gatherer(publisher, history, bars, store, Linker(UNIVERSE), BEGUN)
    first, again, edited = (BEGUN + timedelta(minutes=30 * step) for step in (1, 2, 3))
    gatherer.refresh(first)
    gatherer.refresh(again)
    publisher.headline = "Acme withdraws its forecast"
    view = gatherer.refresh(edited)
    assert [(item.item.headline, item.item.known_at) for item in view.news] == [
        ("Acme expects a strong quarter", first),
        ("Acme withdraws its forecast", edited),
    ]
    assert [item.item.headline for item in store.load(again)] == ["Acme expects a strong quarter"]
    assert [item.item.headline for item in store.load()] == ["Acme withdraws its forecast"]
