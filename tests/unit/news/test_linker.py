import csv
from dataclasses import replace
from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path

import pytest

from tenthman.data.universe import companies
from tenthman.domain.market import Listing, Rename, Universe
from tenthman.domain.news import NewsItem, TimePrecision
from tenthman.news.linker import Evidence, Linker, LinkEvidence

NAMES = {
    "AAPL": ("Apple Inc.", ()),
    "ABT": ("Abbott Laboratories", ("Abbott",)),
    "ALL": ("Allstate Corp.", ()),
    "AMZN": ("Amazon.com", ("Amazon", "AWS")),
    "BAC": ("Bank of America Corp", ("BofA",)),
    "BRK-B": ("Berkshire Hathaway", ("Berkshire",)),
    "C": ("Citigroup Inc", ("Citi",)),
    "CAT": ("Caterpillar Inc.", ()),
    "DOW": ("Dow Inc.", ()),
    "F": ("Ford Motor Company", ("Ford",)),
    "GE": ("General Electric", ("GE",)),
    "GOOG": ("Alphabet Inc. C", ("Google", "YouTube")),
    "GOOGL": ("Alphabet Inc. A", ("Google", "YouTube")),
    "GPS": ("The Gap Inc.", ("Gap",)),
    "GS": ("Goldman Sachs", ("Goldman",)),
    "JPM": ("JPMorgan Chase & Co.", ("JPMorgan", "Chase")),
    "LIN": ("Linde plc", ()),
    "LOW": ("Lowe's", ()),
    "MCD": ("McDonald's Corp", ()),
    "META": ("Meta Platforms", ("Meta", "Instagram")),
    "MO": ("Altria Group", ("Philip Morris USA",)),
    "MRK": ("Merck & Co.", ("Merck",)),
    "NOW": ("ServiceNow", ()),
    "NVDA": ("NVIDIA Corp.", ()),
    "ORCL": ("Oracle Corporation", ()),
    "PYPL": ("PayPal Holdings", ()),
    "SO": ("Southern Company", ()),
    "T": ("AT&T Inc", ()),
    "TGT": ("Target Corporation", ()),
    "V": ("Visa Inc.", ()),
}
ISSUERS = {"GOOG": "alphabet", "GOOGL": "alphabet"}
AT = datetime(2020, 1, 15, 15, 0, tzinfo=UTC)


def listing(ticker: str, first: date = date(2010, 1, 1), last: date | None = None) -> Listing:
    name, aliases = NAMES[ticker]
    return Listing(
        ticker=ticker,
        name=name,
        issuer=ISSUERS.get(ticker, ticker),
        sector="Any",
        aliases=aliases,
        member_from=first,
        member_to=last,
    )


LINKER = Linker(Universe(listings=tuple(listing(ticker) for ticker in NAMES), index_ticker="SPY"))


def item(headline: str, *, summary: str = "", tickers: tuple[str, ...] = (), at: datetime = AT) -> NewsItem:
    return NewsItem(
        id="x",
        headline=headline,
        summary=summary,
        source="wire",
        url="",
        published_at=at,
        known_at=at,
        precision=TimePrecision.INSTANT,
        tickers=tickers,
    )


def link(headline: str, **more: object) -> LinkEvidence:
    return LINKER.link(item(headline, **more))  # type: ignore[arg-type] # keywords of `item`


@pytest.mark.parametrize(
    ("headline", "tickers"),
    [
        ("Apple's iPhone sales fall in China", ("AAPL",)),
        ("Apple\u2019s suppliers brace for cuts", ("AAPL",)),
        ("EU regulators to quiz Apple over fees", ("AAPL",)),
        ("APPLE INC. reports record quarter", ("AAPL",)),
        ("Nvidia unveils a new chip", ("NVDA",)),
        ("Paypal to spend more on deals", ("PYPL",)),
        ("AT&T sells its stake in Hulu", ("T",)),
        ("McDonald's brings back a burger; Lowe's cuts jobs", ("LOW", "MCD")),
        ("Target raises holiday forecast", ("TGT",)),
        ("Shoppers sue Target Corp over fees", ("TGT",)),
        ("Walmart, Target and others close early", ()),
        ("AT&T, Target to share warehouse", ("T", "TGT")),
        ("Visa, Oracle lead the Nasdaq higher", ("ORCL", "V")),
        ("Visa-backed startup raises funds", ("V",)),
        ("Ford recalls 100,000 pickups", ("F",)),
        ("Gap shares plunge as CEO quits", ("GPS",)),
        ("Meta shares jump on ad sales", ("META",)),
        ("Merck's cancer drug wins approval", ("MRK",)),
        ("GE in talks to sell its lighting unit", ("GE",)),
        ("JPMorgan Chase lowers outlook", ("JPM",)),
        ("Chase CEO expects a mild recession", ("JPM",)),
        ("Goldman Sachs executives charged in Malaysia", ("GS",)),
        ("Goldman Sachs warns of lower trading revenue", ("GS",)),
        ("Southern Co raises dividend", ("SO",)),
        ("Linde beats estimates", ("LIN",)),
        ("Citi profit tops forecasts", ("C",)),
        ("Amazon.com opens a warehouse in Ohio", ("AMZN",)),
        ("Altria takes a charge on Juul", ("MO",)),
    ],
)
def test_a_company_is_found_by_its_name(headline: str, tickers: tuple[str, ...]) -> None:
    assert link(headline).tickers == tickers


@pytest.mark.parametrize(
    "headline",
    [
        "How to bake an apple pie",
        "Apple pie sales rise at bakeries",
        "Big Apple tourism slumps",
        "US visa rules hit tech workers",
        "Visa restrictions hurt travel shares",
        "H-1B Visa applications fall",
        "Visa-free travel to Turkey resumes",
        "Visa-on-arrival scheme is dropped",
        "Analyst price target raised to $150",
        "Price Target Raised At Big Bank",
        "Inflation Target To Stay At 2%",
        "Harrison Ford injured on set",
        "Doug Ford says Ontario will reopen",
        "Stocks gap up at the open",
        "The Gap Between CEO And Worker Pay Grows",
        "The pay Gap widens",
        "Meta-analysis finds no benefit from vitamin",
        "New Meta analysis of trial results",
        "Caterpillar outbreak hits crops",
        "Police chase ends in crash",
        "Investors Chase yields as bonds rally",
        "The Oracle of Omaha buys more stock",
        "Von Linde wins the race",
        "Merck KGaA raises outlook",
        "Germany's Merck raises outlook",
        "Dow falls 200 points as oil slides",
        "Citi Bike adds stations",
        "Fires rage across the Amazon",
        "Amazon rainforest deforestation rises",
        "Norfolk Southern profit beats",
        "Southern California Edison shares fall",
        "Tony Abbott says no",
        "Berkshire Hills reports results",
        "ALL EYES ON NOW AND SO ON",
        "IT IS TIME TO GET OUT NOW SO SELL IT ALL",
        "MA governor says V-shaped recovery is here",
        "Anti-Apple protest in Cork",
        "Ex-Goldman banker sentenced",
        "Stocks will outperform bonds, Goldman says",
        "Goldman Sachs sees oil above $90",
        "Goldman warns of a sharp fall in stocks",
        "Goldman Sachs strategists favor Asia",
        "Small caps look dear: Goldman Sachs",
        "Apple suppliers brace for cuts",
        "Amazon rival Flipkart raises money",
        "The mayor is the most liked leader on Facebook",
    ],
)
def test_an_ambiguous_word_in_another_sense_is_no_company(headline: str) -> None:
    assert link(headline).tickers == ()


def test_a_bank_that_rates_another_company_is_the_speaker_not_the_subject() -> None:
    assert link("Goldman Sachs upgrades Nvidia to buy").tickers == ("NVDA",)
    assert link("Nvidia price target raised at Bank of America").tickers == ("NVDA",)
    assert link("Bank of America to raise minimum wage").tickers == ("BAC",)
    # The legal form says which company it is, not what is said of it.
    assert link("Bank of America Corp. upgrades Nvidia to buy").tickers == ("NVDA",)
    assert link("Bank of America Corp. raises its dividend").tickers == ("BAC",)


def test_tags_of_the_source_are_decisive() -> None:
    found = link("Apple and Nvidia rally", tickers=("ORCL",))
    assert found.tickers == ("ORCL",)
    assert found.levels == (Evidence.SOURCE_TAG,)


def test_share_classes_are_one_spelling() -> None:
    assert link("Buffett buys", tickers=("BRK.B",)).tickers == ("BRK-B",)
    assert link("Buffett buys", tickers=("BRK/B",)).tickers == ("BRK-B",)


def test_two_classes_of_one_issuer_are_two_tickers_and_one_company() -> None:
    found = link("YouTube removes videos")
    assert found.tickers == ("GOOG", "GOOGL")
    assert found.weight == 1.0
    assert link("Google sues Oracle").weight == 0.5


def test_the_weight_counts_companies_that_are_not_listed() -> None:
    assert link("Deal news", tickers=("AAPL", "ZZZ", "YYY")).weight == pytest.approx(1 / 3)


def test_an_exchange_tag_is_evidence() -> None:
    found = link("A tiny maker of chips (NASDAQ: NVDA) (NYSE:NOW) grows")
    assert found.tickers == ("NOW", "NVDA")
    assert set(found.levels) == {Evidence.EXCHANGE_TAG}
    assert link("Classes (Nasdaq: GOOG, GOOGL) fall").weight == 1.0


def test_a_cashtag_is_evidence_but_a_sum_of_money_is_not() -> None:
    assert link("$AAPL to the moon").levels == (Evidence.CASHTAG,)
    assert link("Costs rise to US$T and A$C and $NOWHERE").tickers == ()
    assert link("Costs rise by $5 and $V8").tickers == ()


def test_a_name_in_context_is_weaker_than_a_name() -> None:
    assert link("Target raises holiday forecast").levels == (Evidence.NAME_IN_CONTEXT,)
    assert link("Target Corp raises holiday forecast").levels == (Evidence.NAME,)


def test_more_than_eight_companies_say_nothing_of_any_one() -> None:
    tags = ("AAPL", "ABT", "ALL", "AMZN", "BAC", "C", "CAT", "DOW")
    assert link("Movers", tickers=tags).weight == pytest.approx(1 / 8)
    assert link("Movers", tickers=(*tags, "F")) == LinkEvidence(tickers=(), levels=(), weight=0.0)


def test_the_summary_is_read_only_when_the_headline_names_nobody() -> None:
    assert link("Chip maker soars", summary="Nvidia posted record sales.").tickers == ("NVDA",)
    assert link("Apple soars", summary="Nvidia posted record sales.").tickers == ("AAPL",)


def test_a_listing_is_linked_only_while_it_is_a_member() -> None:
    linker = Linker(Universe(listings=(listing("AAPL", date(2015, 1, 2), date(2020, 1, 15)),), index_ticker="SPY"))
    assert linker.link(item("Apple rallies", at=datetime(2015, 1, 2, 4, 0, tzinfo=UTC))).tickers == ()
    assert linker.link(item("Apple rallies", at=datetime(2015, 1, 2, 6, 0, tzinfo=UTC))).tickers == ("AAPL",)
    assert linker.link(item("Apple rallies", at=AT)).tickers == ()
    assert linker.link(item("Apple rallies", tickers=("AAPL",), at=AT)).tickers == ()


def test_a_name_of_two_issuers_links_neither() -> None:
    one, other = listing("F"), listing("GPS")
    twins = Universe(
        listings=tuple(
            Listing(
                ticker=which.ticker,
                name="Doppel Holdings",
                issuer=which.ticker,
                sector="Any",
                aliases=(),
                member_from=which.member_from,
                member_to=None,
            )
            for which in (one, other)
        ),
        index_ticker="SPY",
    )
    assert Linker(twins).link(item("Doppel Holdings rallies")).tickers == ()


def test_a_universe_without_listings_links_nothing() -> None:
    assert Linker(Universe(listings=(), index_ticker="SPY")).link(item("Apple rallies")).tickers == ()


def test_attaching_evidence_makes_a_linked_item() -> None:
    news = item("Google sues Oracle")
    linked = LINKER.link(news).attach(news, 0.25)
    assert (linked.tickers, linked.weight, linked.sentiment) == (("GOOG", "GOOGL", "ORCL"), 0.5, 0.25)


def test_a_name_that_was_given_up_is_read_by_the_day_of_the_headline() -> None:
    turn = Rename(old="FB", new="META", on=date(2022, 6, 9))
    linker = Linker(Universe(listings=(listing("META"),), index_ticker="SPY", renames=(turn,)))
    before, after = datetime(2022, 6, 8, 15, 0, tzinfo=UTC), datetime(2022, 6, 9, 15, 0, tzinfo=UTC)
    for told in (item("Shares fall", tickers=("FB",), at=before), item("Why $FB fell", at=before)):
        assert linker.link(told).tickers == ("META",)
    assert linker.link(item("Shares fall", tickers=("FB",), at=after)).tickers == ()


@pytest.mark.shared_data
def test_real_headlines_are_linked_without_an_error(shared_data: Path) -> None:
    import pyarrow.parquet as pq

    table = pq.read_table(shared_data / "news_headlines_2010_2021.parquet", columns=["headline", "dataset"])
    rows = [row for row in table.to_pylist() if row["dataset"] == "kaggle_reuters_headlines"]
    found = [LINKER.link(item(row["headline"])) for row in rows]
    share = sum(bool(evidence.tickers) for evidence in found) / len(found)
    assert 0.05 < share < 0.5
    assert all(0.0 <= evidence.weight <= 1.0 for evidence in found)


@pytest.mark.parametrize(
    ("headline", "ticker", "day", "theirs"),
    [
        ("LinkedIn shares plunge 40% after outlook", "MSFT", date(2016, 12, 7), False),
        ("LinkedIn adds members faster", "MSFT", date(2016, 12, 8), True),
        ("WhatsApp to charge businesses", "META", date(2014, 10, 5), False),
        ("WhatsApp to charge businesses", "META", date(2014, 10, 6), True),
        ("Facebook raises outlook", "META", date(2012, 5, 18), True),
        ("WarnerMedia names a new chief", "T", date(2018, 6, 13), False),
        ("WarnerMedia names a new chief", "T", date(2018, 6, 14), True),
        ("WarnerMedia names a new chief", "T", date(2022, 4, 7), True),
        ("WarnerMedia names a new chief", "T", date(2022, 4, 8), False),
    ],
)
def test_a_unit_is_its_owners_from_the_day_it_was_bought_to_the_day_it_was_sold(
    headline: str, ticker: str, day: date, theirs: bool
) -> None:
    company = companies()[ticker]
    linker = Linker(Universe(listings=(replace(company, member_from=date(2010, 1, 1)),), index_ticker="SPY"))
    at = datetime(day.year, day.month, day.day, 15, tzinfo=UTC)
    assert linker.link(item(headline, at=at)).tickers == ((ticker,) if theirs else ())


def test_every_dated_name_is_one_that_its_company_has() -> None:
    rows = list(csv.DictReader((files("tenthman.news") / "dated_names.csv").read_text(encoding="utf-8").splitlines()))
    known = companies()
    assert rows
    for row in rows:
        owners = [ticker for ticker in row["tickers"].split("|") if ticker in known]
        names = {alias.casefold() for ticker in owners for alias in known[ticker].aliases}
        assert row["name"] in names, row
        assert row["from"] < (row["until"] or "9999"), row
