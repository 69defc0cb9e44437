"""Bars come in once, what was rewritten comes in anew, and what cannot be trusted is flagged until it is mended."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from tenthman_written_source import AT, DAYS, SETTINGS, Written, rising

from tenthman.data.bars import BarStore
from tenthman.data.flags import FlagStore
from tenthman.data.ingest import Span, check_against, check_stored, ingest, ingest_actions
from tenthman.data.sources import ActionKind, CorporateAction, Daily, Flag
from tenthman.db.pool import Pool
from tenthman.domain.errors import BrokerUnavailable, DataMissing
from tenthman.domain.market import NEW_YORK, MarketKind, Provenance, Universe

LATER = datetime(2020, 2, 3, 12, 1, tzinfo=UTC)
NAMES = ("AAA", "BBB")


@pytest.fixture
def store(pool: Pool) -> BarStore:
    kept = BarStore(pool, "m")
    told = {"name": "n", "description": "d", "source": "s", "price_basis": "p", "licence": "l", "content_hash": "m"}
    kept.save_market(Provenance(kind=MarketKind.LIVE, **told), Universe(listings=(), index_ticker="SPY"))
    return kept


@pytest.fixture
def flags(pool: Pool) -> FlagStore:
    return FlagStore(pool, "m")


def _span(first: int, last: int) -> Span:
    return Span.closed(DAYS[first], DAYS[last], AT)


def test_only_the_overlap_and_what_is_new_is_asked_for_again(store: BarStore) -> None:
    source = Written({"AAA": rising(100.0), "BBB": rising(50.0)})
    first = ingest(store, source, ["AAA"], _span(0, 9), AT, 2)
    assert (first.merged.new, first.answered) == (10, 1)
    source.asked.clear()
    second = ingest(store, source, NAMES, _span(0, 11), AT, 2)
    assert source.asked == [(("BBB",), DAYS[0], DAYS[11]), (("AAA",), DAYS[8], DAYS[11])]
    assert (second.merged.new, second.merged.same, second.merged.revised) == (2 + 12, 2, 0)
    third = ingest(store, source, NAMES, _span(0, 11), AT, 2)
    assert (third.merged.new, third.merged.same) == (0, 4)


def test_an_older_beginning_is_asked_for_whole(store: BarStore) -> None:
    source = Written({"AAA": rising(100.0)})
    ingest(store, source, ["AAA"], _span(5, 9), AT, 2)
    assert ingest(store, source, ["AAA"], _span(0, 9), AT, 2).merged.new == 5


def test_history_that_a_split_has_rewritten_is_fetched_whole_and_what_it_was_is_kept(
    store: BarStore, pool: Pool
) -> None:
    source = Written({"AAA": rising(400.0), "BBB": rising(50.0)})
    ingest(store, source, NAMES, _span(0, 9), AT, 2)
    source.closes["AAA"] = [None if close is None else close / 4 for close in rising(400.0)]
    found = ingest(store, source, NAMES, _span(5, 10), AT, 2)
    assert found.rewritten == ("AAA",)
    assert (found.merged.revised, found.merged.new) == (10, 2)
    assert source.asked[-1] == (("AAA",), DAYS[0], DAYS[10])
    assert store.ticker_bars("AAA", DAYS[0], DAYS[0])["close"].tolist() == [100.0]
    with pool.connection() as connection:
        assert connection.execute("SELECT count(*), max(close) FROM bar_revisions").fetchone() == (10, 409.0)


def test_a_late_correction_of_the_newest_bar_is_taken_over_and_no_history_fetched(store: BarStore) -> None:
    source = Written({"AAA": rising(100.0, 10)})
    ingest(store, source, ["AAA"], _span(0, 9), AT, 2)
    source.closes["AAA"][9] = 109.25
    found = ingest(store, source, ["AAA"], _span(0, 9), AT, 2)
    assert (found.rewritten, found.merged.revised, len(source.asked)) == ((), 1, 2)
    assert store.ticker_bars("AAA", DAYS[9], DAYS[9])["close"].tolist() == [109.25]


def test_a_source_that_falls_silent_half_way_leaves_the_store_as_it_was(store: BarStore) -> None:
    source = Written({"AAA": rising(100.0), "BBB": rising(50.0)})
    ingest(store, source, ["AAA"], _span(0, 9), AT, 2)
    before = store.panel_until(None)[0]
    source.silent_after = len(source.asked) + 1
    with pytest.raises(BrokerUnavailable):
        ingest(store, source, NAMES, _span(0, 11), AT, 2)
    assert store.panel_until(None)[0].close.tolist() == before.close.tolist()


def test_a_span_holds_only_sessions_that_have_closed() -> None:
    assert Span.closed(DAYS[0], date(2020, 2, 3), AT).last == DAYS[-1]
    with pytest.raises(DataMissing, match="no session of 2020-02-03"):
        Span.closed(date(2020, 2, 3), date(2020, 2, 3), AT)


def test_flags_stand_until_the_bar_is_mended(store: BarStore, flags: FlagStore) -> None:
    source = Written({"AAA": [*rising(100.0, 5), None, *rising(106.0, 4)], "BBB": rising(50.0, 10)})
    span = _span(0, 9)
    ingest(store, source, NAMES, span, AT, 2)
    raised = check_stored(store, flags, NAMES, span, AT, SETTINGS)
    assert [(flag.ticker, flag.session, flag.rule) for flag in raised] == [("AAA", DAYS[5], "gap")]
    assert check_stored(store, flags, NAMES, span, AT, SETTINGS) == []
    assert len(flags.standing(DAYS[0], DAYS[9])) == 1
    source.closes["AAA"] = rising(100.0, 10)
    ingest(store, source, NAMES, span, AT, 9)
    check_stored(store, flags, NAMES, span, AT, SETTINGS)
    assert flags.standing(DAYS[0], DAYS[9]) == []


def test_a_refused_row_is_flagged_with_its_numbers(store: BarStore, flags: FlagStore) -> None:
    source = Written({"AAA": rising(100.0, 10)})
    source.refused = (Flag(ticker="AAA", session=DAYS[9], rule="impossible", detail="high below low"),)
    span = _span(0, 9)
    found = ingest(store, source, ["AAA"], span, AT, 2)
    raised = check_stored(store, flags, ["AAA"], span, AT, SETTINGS, found.refused)
    assert [(flag.rule, flag.detail) for flag in raised] == [("impossible", "high below low")]


class Repeating(Written):
    """Says its first bar twice, and one of a holiday."""

    def daily(self, tickers: Sequence[str], first: date, last: date, seen_at: datetime) -> Daily:
        found = super().daily(tickers, first, last, seen_at)
        holiday = replace(found.bars[0], session=date(2020, 1, 20))
        return replace(found, bars=(*found.bars, found.bars[0], holiday))


def test_a_bar_of_a_day_without_a_session_is_refused_and_one_that_comes_twice_is_one(store: BarStore) -> None:
    found = ingest(store, Repeating({"AAA": rising(100.0)}), ["AAA"], _span(0, len(DAYS) - 1), AT, 2)
    assert (found.merged.new, found.merged.same) == (len(DAYS), 0)
    assert [(flag.ticker, flag.session, flag.detail) for flag in found.refused] == [
        ("AAA", date(2020, 1, 20), "a bar on a day without a session")
    ]


class Generous(Written):
    """Adds bars of days that nobody asked for: the session after, and one that no calendar knows."""

    def daily(self, tickers: Sequence[str], first: date, last: date, seen_at: datetime) -> Daily:
        found = super().daily(tickers, first, last, seen_at)
        more = [replace(found.bars[0], session=day) for day in (DAYS[6], date(2300, 1, 3))]
        return replace(found, bars=(*found.bars, *more))


def test_bars_of_days_that_were_not_asked_for_are_left_out(store: BarStore) -> None:
    found = ingest(store, Generous({"AAA": rising(100.0)}), ["AAA"], _span(0, 5), AT, 2)
    assert (found.merged.new, found.refused, store.last_session()) == (6, (), DAYS[5])


def test_a_known_split_that_the_prices_do_not_show_is_named(store: BarStore, flags: FlagStore) -> None:
    source = Written({"AAA": [*rising(400.0, 5), *rising(101.0, 5)]})
    source.paid = (CorporateAction(ticker="AAA", ex_date=DAYS[5], kind=ActionKind.SPLIT, value=4.0),)
    span = _span(0, 9)
    ingest(store, source, ["AAA"], span, AT, 2)
    assert ingest_actions(flags, source, ["AAA"], span, AT) == 1
    (flag,) = check_stored(store, flags, ["AAA"], span, AT, SETTINGS)
    assert "a split of 4 is known, but not in the prices" in flag.detail


def test_a_second_source_that_differs_is_told_of_and_one_that_agrees_clears(store: BarStore, flags: FlagStore) -> None:
    source = Written({"AAA": rising(100.0), "BBB": rising(50.0)})
    other = Written({"AAA": [*rising(100.0, 9), 111.0], "BBB": rising(50.0)}, "Other")
    span = _span(0, 9)
    ingest(store, source, NAMES, span, AT, 2)
    found = check_against(store, flags, other, NAMES, span, AT, SETTINGS)
    assert [(flag.ticker, flag.session, flag.rule) for flag in found.flags] == [("AAA", DAYS[9], "two sources")]
    assert (found.bars, found.untold) == (20, "")
    other.closes["AAA"] = rising(100.0, 9)
    assert check_against(store, flags, other, NAMES, span, AT, SETTINGS).flags == ()
    assert [flag.session for flag in flags.standing(DAYS[0], DAYS[9])] == [DAYS[9]], "its silence takes nothing back"
    other.closes["AAA"] = rising(100.0)
    assert check_against(store, flags, other, NAMES, span, LATER, SETTINGS).flags == ()
    assert flags.standing(DAYS[0], DAYS[9]) == []


def test_an_examination_that_began_before_another_raised_a_flag_may_clear_it(store: BarStore, flags: FlagStore) -> None:
    flag = Flag(ticker="AAA", session=DAYS[3], rule="gap", detail="the session has no bar")
    span = DAYS[0], DAYS[9]
    assert flags.settle([flag], ["gap"], ["AAA"], span, LATER) == [flag]
    assert flags.settle([], ["gap"], ["AAA"], span, AT) == []
    assert flags.standing(*span) == []


def test_names_of_which_a_second_source_tells_nothing_are_counted_with_the_cause(
    store: BarStore, flags: FlagStore
) -> None:
    names = [f"N{number}" for number in range(8)]
    span = _span(0, 9)
    ingest(store, Written({name: rising(100.0) for name in names}), names, span, AT, 2)
    other = Written({"N0": rising(100.0), "N1": rising(100.0, 9)}, "Other")
    other.silent = dict.fromkeys(names[2:], "too many requests")
    found = check_against(store, flags, other, names, span, AT, SETTINGS)
    assert (found.flags, found.bars) == ((), 19)
    assert found.untold == "no answer for 7 of 8 names (N1, N2, N3, N4, N5, ...): too many requests"
    assert check_against(store, flags, other, ["N0", "N1"], span, AT, SETTINGS).untold == (
        "no answer for 1 of 2 names (N1): no bar of its newest session"
    )


def test_a_second_source_may_be_hours_late_with_the_newest_bar_and_not_with_the_one_before_it(
    store: BarStore, flags: FlagStore
) -> None:
    span = _span(0, 9)
    ingest(store, Written({"AAA": rising(100.0), "BBB": rising(50.0)}), ["AAA", "BBB"], span, AT, 2)
    closed = datetime.combine(DAYS[9], time(16), NEW_YORK)

    def untold(bars: int, hours: float) -> str:
        other = Written({"AAA": rising(100.0), "BBB": rising(50.0, bars)}, "Other")
        at = closed + timedelta(hours=hours)
        return check_against(store, flags, other, ["AAA", "BBB"], span, at, SETTINGS).untold

    missing = "no answer for 1 of 2 names (BBB): no bar of its newest session"
    assert [untold(9, hours) for hours in (0.1, 11.9, 12.0)] == ["", "", missing]
    assert untold(8, 0.1) == missing, "the bar of the day before is due"


def test_the_newest_word_on_a_corporate_action_counts(flags: FlagStore, store: BarStore) -> None:
    action = CorporateAction(ticker="AAA", ex_date=DAYS[5], kind=ActionKind.SPLIT, value=4.0)
    flags.save_actions([action], "Written", AT)
    flags.save_actions([replace(action, value=5.0)], "Written", LATER)
    assert [item.value for item in flags.actions(["AAA"], DAYS[0], DAYS[9])] == [5.0]
