from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg
import pytest

from tenthman.db.pool import Pool
from tenthman.domain.news import LinkedItem, NewsItem, TimePrecision
from tenthman.news.embedder import Embedder
from tenthman.news.storage import NewsStore, text_hash

AT = datetime(2020, 1, 6, 14, 0, tzinfo=UTC)
MARKET = "m1"


@pytest.fixture
def store(pool: Pool) -> NewsStore:
    with pool.connection() as connection:
        for market in (MARKET, "m2"):
            connection.execute(
                "INSERT INTO markets VALUES (%s, 'pack', 'n', 'd', 's', 'b', 'l', 'h', 'SPY')",
                (market,),
            )
    return NewsStore(pool, MARKET)


def linked(
    name: str, *, headline: str = "Acme rises", known: datetime = AT, tickers: tuple[str, ...] = ("ACM",)
) -> LinkedItem:
    item = NewsItem(
        id=name,
        headline=headline,
        summary="More, with a \t tab, a \\ backslash and \u2019 quotes",
        source="wire",
        url="https://example.org/" + name,
        published_at=AT,
        known_at=known,
        precision=TimePrecision.INSTANT,
        tickers=("TAG",),
    )
    return LinkedItem(item=item, tickers=tickers, weight=1.0, sentiment=0.25)


def test_what_is_saved_is_loaded_in_order_of_when_it_was_known(store: NewsStore) -> None:
    first, second, third = linked("b"), linked("a", known=AT + timedelta(hours=1)), linked("B")
    assert store.save([second, first, third]) == 3
    assert store.load() == [third, first, second]


def test_saving_again_adds_nothing(store: NewsStore) -> None:
    items = [linked("a"), linked("b")]
    assert store.save(items) == 2
    assert store.save(items) == 0
    assert store.save([]) == 0
    assert len(store.load()) == 2


def test_the_same_text_seen_again_later_is_no_new_version(store: NewsStore) -> None:
    store.save([linked("a")])
    assert store.save([linked("a", known=AT + timedelta(hours=3))]) == 0
    assert store.load()[0].item.known_at == AT


def test_an_edited_headline_is_a_new_version_and_the_past_keeps_the_old_text(store: NewsStore) -> None:
    old, new = linked("a"), linked("a", headline="Acme falls", known=AT + timedelta(hours=2))
    store.save([old])
    assert store.save([new]) == 1
    assert store.load() == [new]
    assert store.load(until=AT + timedelta(hours=2)) == [new]
    assert store.load(until=AT + timedelta(hours=1)) == [old]
    assert store.load(until=AT - timedelta(hours=1)) == []
    assert store.save([old, new]) == 0


def test_versions_of_one_article_in_one_batch_are_all_kept(store: NewsStore) -> None:
    texts = ["one", "two", "one"]
    versions = [linked("a", headline=text, known=AT + timedelta(hours=n)) for n, text in enumerate(texts)]
    assert store.save(versions[::-1]) == 3
    assert [store.load(until=entry.item.known_at)[0].item.headline for entry in versions] == texts
    assert store.save(versions) == 0


def test_a_story_revised_twice_keeps_what_each_version_claimed_and_when_it_was_seen(store: NewsStore) -> None:
    """Three times of each version: claimed, first seen, and (its place in the row) revised."""
    texts, claims = ("Acme rises", "Acme rises 5%", "Acme falls"), (0, 30, 10)
    versions = [
        replace(found, item=replace(found.item, published_at=AT + timedelta(minutes=claim)))
        for number, (text, claim) in enumerate(zip(texts, claims, strict=True))
        for found in [linked("a", headline=text, known=AT + timedelta(hours=number + 1))]
    ]
    for version in versions:
        assert store.save([version]) == 1
    assert [store.load(until=entry.item.known_at) for entry in versions] == [[entry] for entry in versions]
    assert store.load(until=AT + timedelta(minutes=59)) == []


def test_a_claim_that_moves_while_the_text_stays_is_no_version_and_makes_nothing_fresh(store: NewsStore) -> None:
    first = linked("a", known=AT + timedelta(hours=1))
    store.save([first])
    moved = replace(first.item, published_at=AT + timedelta(hours=5), known_at=AT + timedelta(hours=6))
    assert store.save([replace(first, item=moved)]) == 0
    assert store.load() == [first]


def test_a_better_link_replaces_the_one_stored(store: NewsStore) -> None:
    store.save([linked("a")])
    better = replace(linked("a"), tickers=("ACM", "OTH"), weight=0.5, sentiment=-0.5)
    assert store.save([better]) == 0
    assert store.load() == [better]


def test_markets_do_not_see_each_other(store: NewsStore, pool: Pool) -> None:
    store.save([linked("a")])
    assert NewsStore(pool, "m2").load() == []


def test_an_illegal_row_is_refused_and_nothing_is_half_stored(store: NewsStore) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        store.save([linked("a"), replace(linked("b"), sentiment=2.0)])
    assert store.load() == []


def test_a_market_that_does_not_exist_is_refused(store: NewsStore, pool: Pool) -> None:
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        NewsStore(pool, "none").save([linked("a")])


def test_a_text_is_embedded_once_and_then_read_bit_for_bit(store: NewsStore, pool: Pool) -> None:
    embedder = Embedder()
    first = store.vectors_for(["Acme rises", "Oil slides", "Acme rises"], embedder)
    assert first.shape == (3, 384)
    assert first[0].tobytes() == first[2].tobytes()
    with pool.connection() as connection:
        stored = connection.execute("SELECT text_hash, model FROM embeddings ORDER BY text_hash").fetchall()
        nearest = connection.execute(
            "SELECT text_hash FROM embeddings ORDER BY vector <=> %s LIMIT 1", (first[1],)
        ).fetchone()
    assert stored == sorted((text_hash(text), embedder.model) for text in ("Acme rises", "Oil slides"))
    assert nearest == (text_hash("Oil slides"),)
    again = store.vectors_for(["Oil slides", "Acme rises"], embedder)
    assert again.tobytes() == np.stack([first[1], first[0]]).tobytes()
    assert store.vectors_for([], embedder).shape == (0, 384)


@pytest.mark.shared_data
def test_forty_thousand_real_headlines_go_in_and_come_back(store: NewsStore, shared_data: Path) -> None:
    import pyarrow.parquet as pq

    rows = pq.read_table(shared_data / "news_headlines_2010_2021.parquet").slice(0, 40_000).to_pylist()
    items = [
        replace(entry, item=replace(entry.item, summary=row["summary"] or "", headline=row["headline"]))
        for row in rows
        for entry in [linked(f"{row['dataset']}:{row['id']}", known=AT + timedelta(days=1))]
    ]
    added = store.save(items)
    assert added == len({entry.item.id for entry in items})
    assert store.save(items) == 0
    assert {entry.item.id: entry for entry in store.load()} == {entry.item.id: entry for entry in items}
