"""Whatever a headline says, what contradicts it is another story, and copies of it are not."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenthman.domain.news import LinkedItem, NewsItem, TimePrecision
from tenthman.news.stories import stories

AT = datetime(2020, 1, 10, 14, 0, tzinfo=UTC)
FILLERS = ("acme", "says", "its", "board", "plans", "new", "plant", "in", "ohio", "after", "talks", "with", "unions")
PAIRS = (
    *(("raises", "cuts"), ("beats", "misses"), ("rises", "falls"), ("rose", "fell"), ("up", "down"), ("buys", "sells")),
    *(("approves", "rejects"), ("upgrades", "downgrades"), ("profit", "loss"), ("wins", "loses"), ("hires", "fires")),
    *(("more", "less"), ("surges", "plunges"), ("opens", "closes"), ("higher", "lower"), ("million", "billion")),
    *(
        ("q2", "q3"),
        ("5%", "6%"),
        ("$2.10", "$2.01"),
        ("monday", "tuesday"),
        ("confirms", "denies"),
        ("will", "will not"),
    ),
    *(("first", "second"), ("expands", "shrinks"), ("lifts", "lowers"), ("halts", "resumes"), ("joins", "leaves")),
    # None of these is among the words that count as signs: one word stands in place of another.
    *(("hostile", "friendly"), ("enters", "quits"), ("guilty", "innocent"), ("discloses", "disputes"), ("put", "call")),
    *(
        ("5%", "-5%"),
        ("$0.10", "$(0.10)"),
        ("\u20ac5", "\u00a55"),
        ("votes for", "votes against"),
        ("cheaper", "dearer"),
        ("to", "from"),
        ("card", "cars"),
    ),
)


def told(name: str, headline: str, *, source: str = "Wire", minutes: int = 0) -> LinkedItem:
    at = AT + timedelta(minutes=minutes)
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
    return LinkedItem(item=item, tickers=("ACM",), weight=1.0, sentiment=0.0)


@pytest.mark.parametrize("pair", PAIRS)
@settings(max_examples=15)
@given(words=st.lists(st.sampled_from(FILLERS), min_size=4, max_size=12), data=st.data())
def test_what_contradicts_is_never_a_copy(pair: tuple[str, str], words: list[str], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(words)))
    one, other = (" ".join([*words[:place], word, *words[place:]]) for word in pair)
    assert len(stories([told("a", one), told("b", other, minutes=5)])) == 2


@settings(max_examples=60)
@given(words=st.lists(st.sampled_from(FILLERS), min_size=3, max_size=12), upper=st.booleans(), order=st.booleans())
def test_the_same_words_from_other_feeds_are_copies_of_the_one_known_first(
    words: list[str], upper: bool, order: bool
) -> None:
    text = " ".join(words)
    retold = f"{text.upper() if upper else text.title()}!  - Post"
    items = [told("first", text), told("second", retold, source="Post", minutes=9)]
    [story] = stories(items if order else items[::-1])
    assert (story.lead.item.id, [copy.item.id for copy in story.copies]) == ("first", ["second"])
    assert story.sources == ("Post", "Wire")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "Acme to name two leaders as Doe bows out of board in May",
            "Acme names two leaders as Doe bows out of board in May",
        ),
        (
            "Acme to meet unions on its plant in Ohio on Monday after talks, minister says",
            "Acme meets unions on its plant in Ohio on Monday after talks, minister says",
        ),
        ("Acme said its loss was $-5.1 million in May", "Acme says its loss was $(5.1) million in May"),
    ],
)
def test_light_words_endings_and_additions_make_no_other_story(one: str, other: str) -> None:
    assert len(stories([told("a", one), told("b", other, minutes=5)])) == 1
