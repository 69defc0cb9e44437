"""Imports of the live market's bars, from sources that answer and from ones that do not."""

from datetime import date, datetime

import pytest
from tenthman_decision import CONFIG, a_listing
from tenthman_exchange import SETTINGS as BROKER
from tenthman_source_battery import DAYS as WIRE_DAYS
from tenthman_source_battery import SEEN, TRUTH, serving
from tenthman_written_source import AT, DAYS, Written, rising

from tenthman.config import with_sections
from tenthman.data.alpaca import AlpacaMarketSource
from tenthman.data.bars import BarStore, Fetch
from tenthman.data.ingest import Span
from tenthman.data.intraday import IntradayStore, to_daily
from tenthman.data.sources import ActionKind, CorporateAction
from tenthman.db.pool import Pool
from tenthman.domain.errors import ConfigError, DataMissing
from tenthman.domain.market import Rename, Universe
from tenthman.scheduler.gathering.bar_sources import Sources, open_sources
from tenthman.scheduler.gathering.known import live_market
from tenthman.scheduler.gathering.live_market import MARKET_ID
from tenthman.scheduler.gathering.market_data import bring_in, bring_in_intraday

UNIVERSE = Universe(listings=(a_listing("AAA"), a_listing("BBB")), index_ticker="SPY")
NAMES = ["AAA", "BBB", "MINE", "SPY"]
SPAN = Span(sessions=tuple(DAYS[:10]))


def _closes() -> dict[str, list[float | None]]:
    return {"AAA": rising(100.0), "BBB": rising(50.0, 9), "MINE": rising(10.0), "SPY": rising(300.0)}


def test_an_import_says_what_came_who_is_missing_who_is_strange_and_what_two_sources_tell(pool: Pool) -> None:
    first, second = Written(_closes()), Written(_closes(), "Other")
    second.closes["AAA"][9] = 150.0
    first.paid = (CorporateAction(ticker="AAA", ex_date=DAYS[3], kind=ActionKind.DIVIDEND, value=0.5),)
    report = bring_in(CONFIG, pool, UNIVERSE, Sources(first=first, second=second), NAMES, SPAN, AT)
    assert (report.ingested.asked, report.ingested.answered, report.ingested.merged.new) == (4, 4, 39)
    assert report.actions == 1
    assert (report.absent, report.strangers) == (("BBB",), ("MINE",))
    assert [(flag.ticker, flag.session, flag.rule) for flag in report.flags] == [
        ("AAA", DAYS[9], "two sources"),
        ("BBB", DAYS[9], "gap"),
    ]
    assert (report.compared, report.unchecked) == (39, "")


def test_a_silent_second_source_costs_the_comparison_alone_and_a_source_without_bars_is_an_error(pool: Pool) -> None:
    second = Written(_closes(), "Other")
    second.silent_after = 0
    report = bring_in(CONFIG, pool, UNIVERSE, Sources(first=Written(_closes()), second=second), NAMES, SPAN, AT)
    assert (report.ingested.merged.new, report.unchecked) == (39, "no answer")
    with pytest.raises(DataMissing, match=r"Written: no bars of 1 tickers in 2020-01-06\.\.2020-01-17: it knows none"):
        bring_in(CONFIG, pool, UNIVERSE, Sources(first=Written({}), second=None), ["ZZZ"], SPAN, AT)


class Telling(Written):
    """Tells of renames too."""

    told = (Rename(old="AAA", new="NEW", on=DAYS[5]), Rename(old="BBB", new="MINE", on=DAYS[5]))

    def renames(self, first: date, last: date) -> tuple[Rename, ...]:
        return self.told


def test_what_was_renamed_is_asked_for_by_its_new_name_and_stored_under_its_ticker(pool: Pool) -> None:
    bring_in(CONFIG, pool, UNIVERSE, Sources(first=Written({"MINE": rising(9.0)}), second=None), ["MINE"], SPAN, AT)
    source, second = Telling({"NEW": rising(100.0), "SPY": rising(300.0)}), Written({"NEW": rising(100.0)}, "Other")
    sources = Sources(first=source, second=second, renames=source)
    report = bring_in(CONFIG, pool, UNIVERSE, sources, ["NEW", "SPY"], SPAN, AT)
    assert source.asked[0][0] == ("NEW", "SPY")
    assert (report.compared, report.flags, report.strangers) == (10, (), ())
    told, refused = report.renamed
    assert told == f"AAA is NEW from {DAYS[5]} on; in here it stays what it was called before"
    assert refused.startswith(f"BBB is said to be MINE from {DAYS[5]} on: not taken over, since the store has bars of")
    assert BarStore(pool, MARKET_ID).spans(["AAA", "NEW"]) == {"AAA": (DAYS[0], DAYS[9])}
    again = bring_in(CONFIG, pool, UNIVERSE, sources, ["AAA"], SPAN, AT)
    assert (again.ingested.merged.new, again.ingested.answered, again.renamed) == (0, 1, (refused,))


def test_a_name_that_a_renamed_security_has_given_up_again_is_not_asked_for(pool: Pool) -> None:
    source = Telling({"LAST": rising(100.0), "SPY": rising(300.0)})
    source.told = (Rename(old="AAA", new="NEW", on=DAYS[3]), Rename(old="NEW", new="LAST", on=DAYS[5]))
    sources = Sources(first=source, second=None, renames=source)
    with pytest.raises(ConfigError, match=r"`--tickers` must not have a name .* given up, was NEW \(AAA\)$"):
        bring_in(CONFIG, pool, UNIVERSE, sources, ["NEW", "SPY"], SPAN, AT)
    assert bring_in(CONFIG, pool, UNIVERSE, sources, ["LAST"], SPAN, AT).ingested.answered == 1
    assert [names for names, _, _ in source.asked] == [("LAST",)]


def test_bars_of_another_server_are_never_called_real(pool: Pool) -> None:
    elsewhere = Written(_closes(), "http://localhost as Alpaca")
    bring_in(CONFIG, pool, UNIVERSE, Sources(first=elsewhere, second=None), NAMES, SPAN, AT)
    assert live_market(pool, AT).headline == "NOT REAL, or nobody knows: bars of http://localhost as Alpaca, as stored"


def test_minutes_from_alpaca_go_into_the_store_and_add_up_to_days(pool: Pool) -> None:
    span = Span(sessions=WIRE_DAYS)
    with serving() as wire:
        source = AlpacaMarketSource(f"http://127.0.0.1:{wire.port}", "key", "secret", BROKER)
        report = bring_in_intraday(CONFIG, pool, UNIVERSE, source, ["AAA", "BRK-B"], 5, span, SEEN)
    assert report.fetch == Fetch(source="Alpaca", price_basis="raw", fetched_at=SEEN)
    assert (report.bars, report.new, report.tickers) == (4, 4, 2)
    begins, ends = (datetime.combine(day, datetime.min.time(), SEEN.tzinfo) for day in (WIRE_DAYS[0], date(2020, 1, 8)))
    stored = IntradayStore(pool, MARKET_ID).bars(("AAA", "BRK-B"), 5, begins, ends)
    daily = to_daily(stored)
    assert daily.close[daily.codes == 0].tolist() == [row[3] for row in TRUTH["AAA"]]
    assert daily.sessions[daily.codes == 1].tolist() == list(WIRE_DAYS)
    assert len(IntradayStore(pool, MARKET_ID).bars(("AAA",), 1, begins, ends)) == 0


def test_minutes_of_a_renamed_ticker_are_asked_for_by_its_new_name_and_stored_under_its_own(pool: Pool) -> None:
    with serving() as wire:
        wire.renamed = [("BBB", "BRK.B", "2020-01-06")]
        source = AlpacaMarketSource(f"http://127.0.0.1:{wire.port}", "key", "secret", BROKER)
        report = bring_in_intraday(CONFIG, pool, UNIVERSE, source, ["BBB"], 5, Span(sessions=WIRE_DAYS), SEEN)
    assert report.renamed == ("BBB is BRK-B from 2020-01-06 on; in here it stays what it was called before",)
    begins, ends = (datetime.combine(day, datetime.min.time(), SEEN.tzinfo) for day in (WIRE_DAYS[0], date(2020, 1, 8)))
    store = IntradayStore(pool, MARKET_ID)
    assert (len(store.bars(("BBB",), 5, begins, ends)), len(store.bars(("BRK-B",), 5, begins, ends))) == (2, 0)


def test_without_keys_yahoo_is_asked_and_alpaca_by_name_is_refused() -> None:
    config = with_sections(CONFIG)
    assert open_sources(config, None).first.name == "Yahoo Finance"
    assert open_sources(config, "yahoo").second is None
    with pytest.raises(ConfigError, match="ALPACA_API_KEY"):
        open_sources(config, "both")
