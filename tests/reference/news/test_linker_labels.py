"""The linker against headlines labelled by hand.

`linker_labels.csv` keeps ids and labels only: an id is the start of the SHA-256 of "headline|day". A company is
labelled when it takes part in what the headline tells, under its own name or that of a unit, a product or its head;
not when it only gives its opinion of something else. The rules were tuned on one half; the other was never looked at.
"""

import csv
import hashlib
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tenthman.data.universe import companies
from tenthman.domain.market import Listing, Universe
from tenthman.domain.news import NewsItem, TimePrecision
from tenthman.news.linker import Linker

LABELS = Path(__file__).with_name("linker_labels.csv")
FILES = ("news_headlines_2010_2021.parquet", "news_yahoo_articles_2017_2020.parquet")
LATER_NAMES = {"BNY", "HONA", "GEV"}
"""Companies of after the labelled years."""


def everybody() -> Universe:
    """All companies known by name, as if each had been a member throughout."""
    listings = tuple(
        Listing(
            ticker=ticker,
            name=company.name,
            issuer=company.issuer,
            sector=company.sector,
            aliases=company.aliases,
            member_from=date(2010, 1, 1),
            member_to=None,
        )
        for ticker, company in companies().items()
        if ticker not in LATER_NAMES
    )
    return Universe(listings=listings, index_ticker="SPY")


def texts_of(folder: Path, wanted: set[str]) -> dict[str, tuple[str, datetime]]:
    found = {}
    for name in FILES:
        table = pq.read_table(folder / name, columns=["headline", "published_at"])
        for headline, at in zip(table["headline"].to_pylist(), table["published_at"].to_pylist(), strict=True):
            key = hashlib.sha256(f"{headline}|{at:%Y-%m-%d}".encode()).hexdigest()[:16]
            if key in wanted:
                found[key] = (headline, at.astimezone(UTC))
    return found


def counts(shared_data: Path, half: str) -> tuple[int, int, int]:
    """True links found, links found, links labelled; by company."""
    with LABELS.open(encoding="utf-8") as file:
        labels = {row["id"]: set(row["tickers"].split()) for row in csv.DictReader(file) if row["half"] == half}
    texts = texts_of(shared_data, set(labels))
    assert set(texts) == set(labels)
    universe = everybody()
    issuer_of = {listing.ticker: listing.issuer for listing in universe.listings}
    linker = Linker(universe)
    hits = found = labelled = 0
    for key, (headline, at) in texts.items():
        named = {"id": key, "headline": headline, "summary": "", "source": "s", "url": ""}
        item = NewsItem(**named, published_at=at, known_at=at, precision=TimePrecision.INSTANT)
        linked = {issuer_of[ticker] for ticker in linker.link(item).tickers}
        truth = {issuer_of[ticker] for ticker in labels[key]}
        hits, found, labelled = hits + len(linked & truth), found + len(linked), labelled + len(truth)
    return hits, found, labelled


@pytest.mark.shared_data
@pytest.mark.parametrize("half", ["tuned", "held_out"])
def test_links_are_right_and_few_are_missed(shared_data: Path, half: str) -> None:
    hits, found, labelled = counts(shared_data, half)
    assert hits / found >= 0.97, f"{half}: precision {hits}/{found}"
    assert hits / labelled >= 0.85, f"{half}: recall {hits}/{labelled}"


def test_enough_headlines_are_labelled_and_none_of_their_text_is_here() -> None:
    with LABELS.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len({row["id"] for row in rows}) == len(rows) >= 400
    known = set(companies())
    assert all(len(row["id"]) == 16 and set(row["tickers"].split()) <= known for row in rows)
