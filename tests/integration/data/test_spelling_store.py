"""Learned renames in the store: kept for the security's ticker, and given over to a release that knows them."""

from dataclasses import replace
from datetime import UTC, date, datetime, time

import pytest
from tenthman_decision import a_listing
from tenthman_written_source import AT, DAYS, Written, rising

from tenthman.data.bars import BarStore
from tenthman.data.flags import FlagStore
from tenthman.data.ingest import Span, ingest
from tenthman.data.sources import Flag
from tenthman.data.spellings import SpellingStore
from tenthman.db.pool import Pool
from tenthman.domain.market import MarketKind, Provenance, Rename, Universe
from tenthman.domain.spelling import Spellings

DAY = DAYS[5]
TOLD = Rename(old="AAA", new="NEW", on=DAY)
BEFORE = Universe(listings=(a_listing("AAA"), a_listing("BBB")), index_ticker="SPY")
AFTER = Universe(listings=(a_listing("NEW"), a_listing("BBB")), index_ticker="SPY", renames=(TOLD,))
MARKET = "m"


@pytest.fixture
def bars(pool: Pool) -> BarStore:
    store = BarStore(pool, MARKET)
    store.save_market(
        Provenance(
            kind=MarketKind.LIVE,
            name="m",
            description="d",
            source="s",
            price_basis="b",
            licence="l",
            content_hash=MARKET,
        ),
        BEFORE,
    )
    return store


def test_a_learned_rename_stays_until_a_release_knows_it_and_then_all_bars_go_over(pool: Pool, bars: BarStore) -> None:
    store, span = SpellingStore(pool, MARKET), Span(sessions=tuple(DAYS[:10]))
    assert store.load(BEFORE) == Spellings()
    ingest(bars, Written({"AAA": rising(100.0, 5)}), ["AAA"], span, AT, 2)
    assert store.learn(BEFORE, [TOLD], "s", AT).fresh == (TOLD,)
    ingest(bars, Written({"AAA": rising(100.0, 10)}), ["AAA"], span, AT, 2)
    assert store.load(BEFORE) == Spellings((TOLD,))
    assert store.learn(BEFORE, [TOLD], "s", AT).fresh == ()
    assert store.load(AFTER) == Spellings()
    assert bars.carry_over(store.carried(AFTER)) == 10
    assert bars.spans(["AAA", "NEW"]) == {"NEW": (DAYS[0], DAYS[9])}
    assert bars.carry_over(store.carried(AFTER)) == 0


def test_flags_and_replaced_bars_go_over_with_the_bars_that_they_speak_of(pool: Pool, bars: BarStore) -> None:
    flags, days = FlagStore(pool, MARKET), (DAYS[4], DAYS[5])
    source = Written({"AAA": rising(100.0, 6)})
    ingest(bars, source, ["AAA"], Span(sessions=tuple(DAYS[:5])), AT, 2)
    source.closes["AAA"][4] = 110.0
    ingest(bars, source, ["AAA"], Span(sessions=tuple(DAYS[:6])), AT, 2)
    told = [Flag(ticker="AAA", session=day, rule="two sources", detail="apart") for day in days]
    flags.settle(told, ["two sources"], ["AAA"], (DAYS[0], DAYS[9]), AT)
    for _ in range(2):
        bars.carry_over([TOLD])
        assert flags.doubted(DAYS[9]) == {("NEW", days[0]), ("AAA", days[1])}, "each is where its bar is"
        assert [item.replaced for item in bars.stored("NEW", *days)] == [1]


def test_once_a_release_has_taken_a_rename_over_the_name_that_was_given_up_is_free_for_others(
    pool: Pool, bars: BarStore
) -> None:
    store, span = SpellingStore(pool, MARKET), Span(sessions=tuple(DAYS[:10]))
    store.learn(BEFORE, [TOLD], "s", AT)
    bars.carry_over(store.carried(AFTER))
    store.give_over(AFTER)
    ingest(bars, Written({"AAA": [None] * 6 + rising(7.0, 4)}), ["AAA"], span, AT, 2)
    assert bars.carry_over(store.carried(AFTER)) == 0
    assert bars.spans(["AAA", "NEW"]) == {"AAA": (DAYS[6], DAYS[9])}


def test_a_rename_to_a_name_that_the_store_has_bars_of_is_refused_and_not_kept(pool: Pool, bars: BarStore) -> None:
    store, span = SpellingStore(pool, MARKET), Span(sessions=tuple(DAYS[:10]))
    ingest(bars, Written({"AAA": rising(100.0, 5), "NEW": rising(1.0, 3)}), ["AAA", "NEW"], span, AT, 2)
    (refused,) = store.learn(BEFORE, [TOLD], "s", AT).refused
    assert refused.text == (
        f"AAA is said to be NEW from {DAY} on: not taken over, since the store has bars of another NEW from {DAYS[0]} "
        f"to {DAYS[2]}"
    )
    assert store.load(BEFORE) == Spellings()
    assert store.learn(BEFORE, [Rename(old="BBB", new="B2", on=date(2020, 1, 8))], "s", AT).refused == ()


def test_a_rename_that_is_put_off_is_kept_with_its_newest_day_and_one_that_is_told_no_more_is_forgotten(
    pool: Pool, bars: BarStore
) -> None:
    store, day_before = SpellingStore(pool, MARKET), datetime.combine(DAYS[4], time(15), UTC)
    later = replace(TOLD, on=DAYS[8])
    for told in (TOLD, later):
        assert store.learn(BEFORE, [told], "s", day_before).fresh == (told,)
        assert store.load(BEFORE) == Spellings((told,))
    assert store.learn(BEFORE, [later], "s", day_before).fresh == ()
    another = Rename(old="XXX", new="YYY", on=DAYS[0])
    assert store.learn(BEFORE, [another], "s", day_before).withdrawn == (later,)
    assert store.load(BEFORE) == Spellings()
