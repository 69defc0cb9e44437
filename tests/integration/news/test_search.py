"""Real vectors, a real database: what is found, in which order, and as known when."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from tenthman.db.pool import Pool
from tenthman.domain.news import LinkedItem, NewsItem, TimePrecision
from tenthman.news import search as search_module
from tenthman.news.embedder import Embedder
from tenthman.news.search import Found, NewsSearch, Question
from tenthman.news.storage import NewsStore

AS_OF = datetime(2020, 1, 10, 14, 0, tzinfo=UTC)
MARKET = "m1"


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder()


@pytest.fixture
def store(pool: Pool) -> NewsStore:
    with pool.connection() as connection:
        for market in (MARKET, "m2"):
            connection.execute(
                "INSERT INTO markets VALUES (%s, 'pack', 'n', 'd', 's', 'b', 'l', 'h', 'SPY')", (market,)
            )
    return NewsStore(pool, MARKET)


def news(
    name: str,
    headline: str,
    *,
    hours: float = 1.0,
    tickers: tuple[str, ...] = ("ACM",),
    weight: float = 1.0,
    source: str = "Wire",
) -> LinkedItem:
    at = AS_OF - timedelta(hours=hours)
    item = NewsItem(
        id=name,
        headline=headline,
        summary="",
        source=source,
        url=f"https://example.org/{name}",
        published_at=at,
        known_at=at,
        precision=TimePrecision.INSTANT,
    )
    return LinkedItem(item=item, tickers=tickers, weight=weight, sentiment=0.1)


ITEMS = (
    news("chess", "Acme sponsors a local chess club"),
    news("probe", "Regulator opens antitrust probe into Acme", hours=5),
    news("suit", "Bolt sued over monopoly practices by competition watchdog", tickers=("BLT",), hours=3),
    news("rain", "Weather delays harvest in the north", tickers=(), weight=0.0),
    news("later", "Acme settles antitrust probe with regulator", hours=-2),
)


def ids(found: Sequence[Found]) -> list[str]:
    return [item.passage.item_id for item in found]


def ask(text: str, *, as_of: datetime = AS_OF, tickers: tuple[str, ...] = (), limit: int = 10) -> Question:
    return Question(text=text, as_of=as_of, tickers=tickers, limit=limit)


def test_meaning_and_words_both_find_and_nothing_from_the_future_does(
    pool: Pool, store: NewsStore, embedder: Embedder
) -> None:
    store.save(ITEMS)
    searcher = NewsSearch(pool, MARKET, embedder)
    assert searcher.missing() == 5
    assert searcher.index(100) == 5
    assert (searcher.missing(), searcher.index(100)) == (0, 0)
    found = searcher.search(ask("antitrust probe"))
    assert ids(found)[0] == "probe"
    assert [item.passage.id for item in found] == [f"n{number}" for number in range(1, len(found) + 1)]
    assert "later" not in ids(found)
    assert found[0].by_words == 1
    by_id = {item.passage.item_id: item for item in found}
    # It shares no word with the question.
    assert (by_id["suit"].by_words, by_id["suit"].by_meaning) == (None, 2)
    afterwards = searcher.search(ask("antitrust probe", as_of=AS_OF + timedelta(hours=3)))
    assert "later" in ids(afterwards)


def test_a_search_on_a_ticker_stays_with_it_and_trusts_sure_links_more(
    pool: Pool, store: NewsStore, embedder: Embedder
) -> None:
    store.save(
        [*ITEMS, news("vague", "Regulator opens antitrust probe into Acme, Bolt", tickers=("ACM", "BLT"), weight=0.5)]
    )
    searcher = NewsSearch(pool, MARKET, embedder)
    searcher.index(100)
    found = searcher.search(ask("antitrust probe", tickers=("BLT",)))
    assert set(ids(found)) == {"suit", "vague"}
    both = {
        item.passage.item_id: item.passage.relevance for item in searcher.search(ask("antitrust", tickers=("ACM",)))
    }
    assert both["probe"] > both["vague"]


def test_words_are_found_before_there_are_vectors_and_get_theirs_when_they_are(
    pool: Pool, store: NewsStore, embedder: Embedder
) -> None:
    store.save(ITEMS)
    searcher = NewsSearch(pool, MARKET, embedder)
    found = searcher.search(ask("harvest delays"))
    assert ids(found) == ["rain"]
    assert found[0].by_meaning is None
    assert searcher.missing() == 4


def test_the_text_that_stood_then_is_the_one_found(pool: Pool, store: NewsStore, embedder: Embedder) -> None:
    first = news("a", "Acme expects a strong quarter", hours=5)
    store.save([first, news("a", "Acme withdraws its forecast for the quarter", hours=1)])
    searcher = NewsSearch(pool, MARKET, embedder)
    searcher.index(100)
    before = searcher.search(ask("Acme quarter", as_of=AS_OF - timedelta(hours=2)))
    assert [item.passage.text for item in before] == ["Acme expects a strong quarter"]
    now = searcher.search(ask("Acme quarter"))
    assert [item.passage.text for item in now] == ["Acme withdraws its forecast for the quarter"]


def test_copies_from_several_feeds_are_one_passage_with_its_sources(
    pool: Pool, store: NewsStore, embedder: Embedder
) -> None:
    text = "Acme to buy Bolt for $2 billion in cash"
    store.save(
        [
            news("one", text, hours=3, source="Wire"),
            news("two", f"{text} - Post", hours=2, source="Post"),
            news("other", "Acme to buy Bolt for $2 million in cash", hours=1, source="Post"),
        ]
    )
    searcher = NewsSearch(pool, MARKET, embedder)
    searcher.index(100)
    found = {item.passage.item_id: item for item in searcher.search(ask("Acme buys Bolt"))}
    assert set(found) == {"one", "other"}
    assert found["one"].copies == ("two",)
    assert found["one"].sources == ("Post", "Wire")


def test_the_newer_of_two_alike_comes_first(pool: Pool, store: NewsStore, embedder: Embedder) -> None:
    text = "Acme outlook"
    store.save([news("old", text, hours=24 * 200), news("new", text, hours=2)])
    searcher = NewsSearch(pool, MARKET, embedder)
    searcher.index(100)
    found = searcher.search(ask(text))
    assert ids(found) == ["new", "old"]
    assert found[0].passage.relevance > found[1].passage.relevance


def test_other_markets_and_odd_questions_find_nothing(pool: Pool, store: NewsStore, embedder: Embedder) -> None:
    store.save(ITEMS)
    NewsSearch(pool, MARKET, embedder).index(100)
    assert NewsSearch(pool, "m2", embedder).search(ask("antitrust probe")) == ()
    hostile = "'; DROP TABLE news; -- & | ! <-> {narrowed} %(x)s \u202e"
    assert len(NewsSearch(pool, MARKET, embedder).search(ask(hostile))) > 0
    unseen = "antitrust\udcff pro\x00be"
    assert (
        ids(NewsSearch(pool, MARKET, embedder).search(ask(unseen)))[:1]
        == ids(NewsSearch(pool, MARKET, embedder).search(ask("antitrust probe")))[:1]
    )


@pytest.mark.parametrize(("limit", "half_life"), [(0, 30.0), (51, 30.0), (5, 0.0), (5, float("nan"))])
def test_a_question_beyond_its_bounds_is_refused(limit: int, half_life: float) -> None:
    with pytest.raises(ValueError, match="must be"):
        Question(text="x", as_of=AS_OF, limit=limit, half_life_days=half_life)


class Fixed:
    """Vectors made up beforehand, by the text's number."""

    model = "made-up"
    dimensions = 384

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        self._vectors = vectors

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.stack([self._vectors[int(text.split()[-1])] for text in texts])


def test_the_index_finds_what_comparing_all_finds_filters_on(
    pool: Pool, store: NewsStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = np.random.default_rng(3)
    topics = generator.normal(size=(60, 384))
    vectors = (topics[generator.integers(60, size=1_200)] + generator.normal(size=(1_200, 384))).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    store.save([news(str(n), f"note {n}", hours=n, tickers=(f"T{n % 4}",)) for n in range(1_000)])
    searcher = NewsSearch(pool, MARKET, Fixed(vectors))
    searcher.index(1_000)
    monkeypatch.setattr(search_module, "EXACT_UP_TO", 10)
    as_of = AS_OF - timedelta(hours=500)
    hits = 0
    for row in range(1_000, 1_050):
        got = searcher.nearest(ask("x", as_of=as_of), vectors[row], depth=10)
        admitted = range(500, 1_000)
        best = sorted(admitted, key=lambda n: -float(vectors[n] @ vectors[row]))[:10]
        hits += len({int(name) for name, _ in got} & set(best))
        assert {int(name) for name, _ in got} <= set(admitted)
    assert hits >= 0.98 * 500
    of_a_ticker = searcher.nearest(ask("x", as_of=as_of, tickers=("T1",)), vectors[1_100], depth=10)
    best = sorted(range(501, 1_000, 4), key=lambda n: -float(vectors[n] @ vectors[1_100]))[:10]
    assert [int(name) for name, _ in of_a_ticker] == best


def test_a_new_link_is_searched_by_and_an_old_one_no_more(pool: Pool, store: NewsStore, embedder: Embedder) -> None:
    store.save([news("a", "Acme and Bolt merge", tickers=("ACM", "BLT"))])
    searcher = NewsSearch(pool, MARKET, embedder)
    searcher.index(10)
    store.save([news("a", "Acme and Bolt merge", tickers=("BLT", "CRN"))])
    [vector] = embedder.embed(["merger"])
    assert [searcher.nearest(ask("x", tickers=(name,)), vector) for name in ("ACM", "BLT", "CRN")] == [
        [],
        [("a", 1)],
        [("a", 1)],
    ]
    assert searcher.nearest(ask("x", tickers=("BLT", "CRN", "ACM")), vector) == [("a", 1)]


def test_saving_links_waits_for_vectors_that_are_being_added(pool: Pool, store: NewsStore, embedder: Embedder) -> None:
    store.save([news("a", "Acme and Bolt merge", tickers=("ACM",))])
    with pool.connection() as connection, ThreadPoolExecutor(1) as others:
        connection.execute(search_module.SQL["share_links"], {"market_id": MARKET})
        saving = others.submit(store.save, [news("a", "Acme and Bolt merge", tickers=("BLT",))])
        with pytest.raises(TimeoutError):
            saving.result(timeout=0.2)
        connection.commit()
        assert saving.result(timeout=30) == 0


@pytest.mark.parametrize("width", [5, 1024, 1500])
def test_vectors_of_any_width_are_searched_by_ticker(pool: Pool, store: NewsStore, width: int) -> None:
    vectors = np.eye(2, width, dtype=np.float32)
    store.save([news(str(n), f"note {n}", tickers=("ACM",)) for n in range(2)])
    searcher = NewsSearch(pool, MARKET, Fixed(vectors))
    searcher.index(2)
    assert searcher.nearest(ask("x", tickers=("ACM",)), vectors[1]) == [("1", 1), ("0", 1)]
    assert searcher.nearest(ask("x"), vectors[1], depth=1) == [("1", 1)]


def test_the_order_in_which_headlines_came_in_does_not_choose_among_equally_far_ones(
    pool: Pool, store: NewsStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_module, "COMPARED", 3)
    vectors = np.eye(5, dtype=np.float32)
    items = [news(str(n), f"note {n}") for n in range(5)]
    searcher = NewsSearch(pool, MARKET, Fixed(vectors))

    def found(depth: int) -> list[str]:
        return [name for name, _ in searcher.nearest(ask("x", limit=depth), vectors[3], depth)]

    for item in reversed(items[1:]):
        store.save([item])
        searcher.index(1)
    assert found(1) == ["3"], "nothing else is looked at: the other three lie equally far"
    assert found(2) == ["3", "1"]
    assert found(3) == ["3", "1", "2"]
    assert found(5) == ["3", "1", "2", "4"]
    monkeypatch.setattr(search_module, "COMPARED", 1)
    assert found(1) == ["3"], "there is nothing nearer to fall back on"


def test_words_that_everybody_uses_find_by_meaning_alone(pool: Pool, store: NewsStore, embedder: Embedder) -> None:
    store.save(ITEMS)
    searcher = NewsSearch(pool, MARKET, embedder)
    searcher.index(100)
    found = searcher.search(ask("what is the"))
    assert {item.by_words for item in found} == {None}


def test_many_vectors_at_once_leave_the_tables_vacuumed_and_their_codes_packed(
    pool: Pool, store: NewsStore, embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_module, "TIDY_FROM", 3)
    with pool.connection() as connection:
        # A page is known to be settled only when what was written to it has reached the disk.
        connection.execute("SET synchronous_commit = on")
        before = connection.execute("SELECT pg_relation_filenode('news_codes_by_shelf')").fetchone()
    store.save(ITEMS)
    NewsSearch(pool, MARKET, embedder).index(100)
    with pool.connection() as connection:
        row = connection.execute("SELECT relallvisible FROM pg_class WHERE relname = 'news_codes'").fetchone()
        after = connection.execute("SELECT pg_relation_filenode('news_codes_by_shelf')").fetchone()
    assert row is not None
    assert row[0] > 0
    assert before != after
