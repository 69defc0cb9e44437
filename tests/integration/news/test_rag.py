from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from tenthman.db.pool import Pool
from tenthman.domain.news import LinkedItem, NewsItem, TimePrecision
from tenthman.news import rag
from tenthman.news.embedder import Embedder
from tenthman.news.rag import passages
from tenthman.news.storage import NewsStore
from tenthman.news.stories import stories

AS_OF = datetime(2020, 1, 10, 14, 0, tzinfo=UTC)
QUERY = "Acme earnings and outlook"


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder()


@pytest.fixture
def store(pool: Pool) -> NewsStore:
    return NewsStore(pool, "m1")


def news(
    name: str,
    headline: str,
    *,
    hours: float = 1.0,
    weight: float = 1.0,
    tickers: tuple[str, ...] = ("ACM",),
    source: str = "Wire",
) -> LinkedItem:
    at = AS_OF - timedelta(hours=hours)
    item = NewsItem(
        id=name,
        headline=headline,
        summary="",
        source=source,
        url="",
        published_at=at,
        known_at=at,
        precision=TimePrecision.INSTANT,
    )
    return LinkedItem(item=item, tickers=tickers, weight=weight, sentiment=0.1)


def leads(items: Sequence[LinkedItem]) -> list[str]:
    return [story.lead.item.id for story in stories(items)]


def test_what_fits_the_question_comes_first_under_short_ids(store: NewsStore, embedder: Embedder) -> None:
    items = [
        news("a", "Acme sponsors a local chess club"),
        news("b", "Acme quarterly earnings beat, outlook raised"),
        news("c", "Weather delays harvest in the north"),
    ]
    found = passages(store, embedder, items, QUERY, AS_OF, 2)
    assert [passage.id for passage in found] == ["n1", "n2"]
    assert [passage.item_id for passage in found] == ["b", "a"]
    assert found[0].text == "Acme quarterly earnings beat, outlook raised"
    assert found[0].relevance > found[1].relevance > 0.0


def test_the_answer_does_not_depend_on_the_order_of_the_candidates(store: NewsStore, embedder: Embedder) -> None:
    items = [news(f"i{n}", f"Acme earnings note number {n}", hours=n) for n in range(8)]
    assert passages(store, embedder, items, QUERY, AS_OF, 5) == passages(store, embedder, items[::-1], QUERY, AS_OF, 5)


def test_a_source_that_floods_the_desk_loses_its_own_oldest_headlines_and_no_others(
    store: NewsStore, embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rag, "MOST_OF_A_SOURCE", 3)
    flood = [news(f"f{n}", f"Acme rumour of {word}", hours=n, source="Flood") for n, word in enumerate("abcdef")]
    old = news("o", "Acme quarterly earnings beat, outlook raised", hours=200.0)
    found = passages(store, embedder, [old, *flood], QUERY, AS_OF, 10)
    assert {passage.item_id for passage in found} == {"f0", "f1", "f2", "o"}


def test_recent_and_well_linked_items_count_more(store: NewsStore, embedder: Embedder) -> None:
    text = "Acme outlook"
    fresh, old, vague = news("z", text), news("a", text, hours=96), news("b", text, weight=0.2, tickers=("ACM", "X"))
    found = passages(store, embedder, [old, vague, fresh], QUERY, AS_OF, 3)
    assert found[0].item_id == "z"
    # 95 hours are 95/72 half-lives.
    old_relevance = next(passage.relevance for passage in found if passage.item_id == "a")
    assert old_relevance == pytest.approx(found[0].relevance * 2 ** (-95 / 72), abs=2e-4)


def test_of_two_as_near_in_meaning_the_one_with_the_words_of_the_question_counts_more(
    store: NewsStore, embedder: Embedder
) -> None:
    items = [news("a", "Acme in court again"), news("b", "Acme faces lawsuit"), news("c", "Rain in the north")]
    question = "lawsuit"
    by_words = store.word_ranks([linked.item.headline for linked in items], question)
    assert [rank > 0.0 for rank in by_words] == [False, True, False]
    found = {passage.item_id: passage.relevance for passage in passages(store, embedder, items, question, AS_OF, 3)}
    vectors = embedder.embed([linked.item.headline for linked in items] + [question]).astype(float)
    aged = 2 ** (-1 / 72)
    assert found["a"] == pytest.approx(0.7 * (vectors[0] @ vectors[3]) * aged, abs=1e-4)
    assert found["b"] == pytest.approx((0.7 * (vectors[1] @ vectors[3]) + 0.3) * aged, abs=1e-4)


def test_words_in_common_are_counted_by_their_stem_and_none_is_nothing(store: NewsStore) -> None:
    ranks = store.word_ranks(["Acme's results", "resulting guidance & deals", "rain", ""], "the results, guidance")
    assert ranks.shape == (4,)
    assert 0.0 == ranks[2] == ranks[3] < ranks[0] < ranks[1]
    assert store.word_ranks(["what is the"], "what is the").tolist() == [0.0]
    assert store.word_ranks([], "x").shape == (0,)


def test_equal_items_go_by_id(store: NewsStore, embedder: Embedder) -> None:
    items = [news(name, "Acme outlook", tickers=(name,)) for name in ("c", "a", "b")]
    assert [passage.item_id for passage in passages(store, embedder, items, QUERY, AS_OF, 3)] == ["a", "b", "c"]


def test_a_second_view_is_preferred_to_a_repetition(store: NewsStore, embedder: Embedder) -> None:
    items = [
        news("a", "Acme raises full-year earnings outlook"),
        news("b", "Acme raises its full-year earnings outlook again on strong sales figures, CEO says"),
        news("c", "Regulator opens probe into Acme earnings reports", hours=0.5),
    ]
    assert [passage.item_id for passage in passages(store, embedder, items, QUERY, AS_OF, 2)] == ["a", "c"]


def test_hostile_text_is_made_harmless_and_short(store: NewsStore, embedder: Embedder) -> None:
    (passage,) = passages(store, embedder, [news("a", "Acme\u202e\n\x07 up\u200b " + "x" * 400)], QUERY, AS_OF, 3)
    assert passage.text.startswith("Acme up xxx")
    assert len(passage.text) == 200
    assert passage.text.isprintable()


def test_an_edited_headline_is_quoted_in_its_last_wording(store: NewsStore, embedder: Embedder) -> None:
    items = [news("a", "Acme withdraws its forecast", hours=1), news("a", "Acme expects a strong quarter", hours=5)]
    assert [passage.text for passage in passages(store, embedder, items, QUERY, AS_OF, 3)] == [items[0].item.headline]


def test_no_candidates_or_no_room_give_nothing(store: NewsStore, embedder: Embedder) -> None:
    assert passages(store, embedder, [], QUERY, AS_OF, 3) == ()
    assert passages(store, embedder, [news("a", "Acme")], QUERY, AS_OF, 0) == ()


def test_an_item_from_the_future_is_refused(store: NewsStore, embedder: Embedder) -> None:
    with pytest.raises(ValueError, match="`items` must be known by"):
        passages(store, embedder, [news("a", "Acme", hours=-1)], QUERY, AS_OF, 3)
    with pytest.raises(ValueError, match="`limit`"):
        passages(store, embedder, [], QUERY, AS_OF, -1)


def test_copies_of_a_story_count_once_in_the_version_known_first() -> None:
    items = [
        news("late", "Acme to buy Bolt Corp for $2 billion - Wire", hours=1),
        news("early", "Acme to buy Bolt Corp. for $2 billion", hours=5),
        news("upper", "ACME TO BUY BOLT CORP FOR $2 BILLION", hours=3),
    ]
    assert leads(items) == ["early"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Acme raises full year profit guidance after review", "Acme cuts full year profit guidance after review"),
        ("Acme beats second quarter estimates by a cent", "Acme misses second quarter estimates by a cent"),
        ("Acme posts Q2 profit of $2.10 a share", "Acme posts Q2 profit of $2.01 a share"),
        ("Acme posts Q2 profit as sales grow again", "Acme posts Q3 profit as sales grow again"),
        ("Acme will close its big plant in Ohio", "Acme will not close its big plant in Ohio"),
        ("Acme didn't breach the rules on trading", "Acme did breach the rules on trading"),
        ("Profit up, sales down at Acme in Europe", "Sales up, profit down at Acme in Europe"),
        ("Acme sues Bolt over patents in Ohio court", "Bolt sues Acme over patents in Ohio court"),
    ],
)
def test_numbers_negations_directions_and_roles_forbid_a_merge(one: str, other: str) -> None:
    assert leads([news("a", one), news("b", other)]) == ["a", "b"]


def test_the_same_words_of_other_companies_or_other_weeks_are_other_stories() -> None:
    text = "Board declares quarterly dividend"
    assert len(stories([news("a", text), news("b", text, tickers=("BLT",)), news("c", text, hours=100)])) == 3
