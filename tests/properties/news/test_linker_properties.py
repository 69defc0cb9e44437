from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from tenthman.domain.market import Listing, Universe
from tenthman.domain.news import NewsItem, TimePrecision
from tenthman.news.linker import Linker

AT = datetime(2020, 1, 15, tzinfo=UTC)
COMPANIES = {
    "AAPL": "Apple Inc.",
    "BRK-B": "Berkshire Hathaway",
    "GS": "Goldman Sachs",
    "GM": "GM",
    "TGT": "Target Corporation",
    "T": "AT&T Inc",
    "LOW": "Lowe's",
    "SO": "Southern Company",
}
UNIVERSE = Universe(
    listings=tuple(
        Listing(
            ticker=ticker,
            name=name,
            issuer=ticker,
            sector="Any",
            aliases=(),
            member_from=date(2010, 1, 1),
            member_to=None,
        )
        for ticker, name in COMPANIES.items()
    ),
    index_ticker="SPY",
)
LINKER = Linker(UNIVERSE)
WORDS = st.sampled_from(
    [
        "Apple",
        "apple",
        "AAPL",
        "$AAPL",
        "(NYSE: GM)",
        "GM",
        "Target",
        "price",
        "AT&T",
        "-",
        "'s",
        "Goldman",
        "Sachs",
        "SO",
        "upgrades",
        "Southern",
        "shares",
        "Lowe's",
        ",",
        "and",
        "\t",
        "BERKSHIRE HATHAWAY",
        "$",
        ":",
        "(",
        "to",
        "the",
    ]
)
TEXTS = st.one_of(st.text(), st.lists(WORDS, max_size=14).map(" ".join))


def item(headline: str, summary: str, tags: list[str]) -> NewsItem:
    return NewsItem(
        id="x",
        headline=headline,
        summary=summary,
        source="wire",
        url="",
        published_at=AT,
        known_at=AT,
        precision=TimePrecision.INSTANT,
        tickers=tuple(tags),
    )


@given(headline=TEXTS.filter(lambda text: bool(text.strip())), summary=TEXTS, tags=st.lists(st.text(), max_size=3))
def test_any_text_gives_members_and_a_weight_in_bounds(headline: str, summary: str, tags: list[str]) -> None:
    found = LINKER.link(item(headline, summary, tags))
    assert set(found.tickers) <= set(COMPANIES)
    assert list(found.tickers) == sorted(set(found.tickers))
    assert len(found.levels) == len(found.tickers)
    assert 0.0 <= found.weight <= 1.0
    assert (found.weight > 0.0) == bool(found.tickers)
    assert found == LINKER.link(item(headline, summary, tags))


@given(tickers=st.lists(st.sampled_from(sorted(COMPANIES)), min_size=1, max_size=6))
def test_bare_tickers_in_running_text_are_never_companies(tickers: list[str]) -> None:
    words = [ticker for ticker in tickers if ticker != "GM"]
    assert LINKER.link(item("- ".join(["x", *words]), "", [])).tickers == ()
