"""Renames that are learned of later: which are taken over, and which would make one history of two."""

from datetime import date

import pytest
from tenthman_decision import a_listing

from tenthman.data.spellings import judged
from tenthman.domain.market import Rename, Universe
from tenthman.domain.spelling import Spellings

DAY = date(2026, 9, 1)
LATER = date(2026, 10, 1)
UNIVERSE = Universe(
    listings=(a_listing("AAA"), a_listing("META")),
    index_ticker="SPY",
    renames=(Rename(old="FB", new="META", on=date(2022, 6, 9)),),
)
NEW = Rename(old="AAA", new="NEW", on=DAY)
BEFORE = (date(2026, 1, 2), date(2026, 8, 31))
TODAY, AFTER = date(2026, 8, 31), date(2026, 9, 2)
CHAINED = Rename(old="NEW", new="END", on=LATER)


def test_a_rename_of_ours_is_taken_over_and_so_is_the_one_after_it() -> None:
    next_one = Rename(old="NEW", new="NEWER", on=LATER)
    found = judged([next_one, NEW, NEW], Spellings(), UNIVERSE, {"AAA": BEFORE}, AFTER)
    assert (found.fresh, found.refused) == ((NEW, next_one), ())
    assert judged([NEW], Spellings((NEW,)), UNIVERSE, {}, AFTER).fresh == ()
    assert judged([next_one], Spellings((NEW,)), UNIVERSE, {}, AFTER).fresh == (next_one,)


@pytest.mark.parametrize(
    "told",
    [
        Rename(old="ZZZ", new="YYY", on=DAY),
        Rename(old="FB", new="META", on=date(2022, 6, 9)),
        Rename(old="FB", new="ELSE", on=DAY),
    ],
)
def test_renames_of_others_and_those_that_the_release_knows_are_passed_over(told: Rename) -> None:
    found = judged([told], Spellings(), UNIVERSE, {}, AFTER)
    assert (found.fresh, found.refused) == ((), ())


@pytest.mark.parametrize(
    ("told", "known", "spans", "reason"),
    [
        ([NEW], (), {"NEW": BEFORE}, "since the store has bars of another NEW from 2026-01-02 to 2026-08-31"),
        ([NEW], (), {"AAA": (BEFORE[0], LATER)}, "since the store has bars of AAA up to 2026-10-01"),
        ([Rename(old="AAA", new="META", on=DAY)], (), {}, "since META is another company's name here"),
        (
            [Rename(old="META", new="NEW", on=LATER)],
            (NEW,),
            {},
            "since NEW is another company's name here",
        ),
        ([NEW, Rename(old="AAA", new="OTHER", on=DAY)], (), {}, "since it is said to be OTHER too"),
        ([NEW, Rename(old="NEW", new="END", on=DAY)], (), {}, "cannot tell whether that is one or two"),
        ([NEW, Rename(old="NEW", new="END", on=DAY)], (NEW,), {}, f"since AAA is said to be NEW from {DAY} on"),
        ([Rename(old="AAA", new="NEW", on=LATER), CHAINED], (NEW, CHAINED), {}, f"said to be END from {LATER} on"),
    ],
)
def test_a_rename_that_would_mix_two_histories_is_refused_with_the_reason(
    told: list[Rename], known: tuple[Rename, ...], spans: dict[str, tuple[date, date]], reason: str
) -> None:
    found = judged(told, Spellings(known), UNIVERSE, spans, AFTER)
    assert found.fresh == ()
    assert found.refused[0].text.endswith(reason)
    assert found.spellings == Spellings(known)


@pytest.mark.parametrize("told", [[LATER], [DAY, LATER], [LATER, DAY]])
def test_a_rename_that_is_put_off_goes_over_to_the_newest_day(told: list[date]) -> None:
    found = judged([Rename(old="AAA", new="NEW", on=on) for on in told], Spellings((NEW,)), UNIVERSE, {}, TODAY)
    later = Rename(old="AAA", new="NEW", on=LATER)
    assert (found.fresh, found.refused, found.withdrawn) == ((later,), (), ())
    assert found.spellings == Spellings((later,))


def test_a_rename_to_come_that_is_told_no_more_is_withdrawn_with_what_was_to_follow_and_a_past_one_stays() -> None:
    known = Spellings((NEW, CHAINED))
    for today in (TODAY, DAY):
        found = judged([CHAINED], known, UNIVERSE, {}, today)
        assert (found.spellings, found.fresh, found.withdrawn) == (Spellings(), (), (NEW, CHAINED))
    found = judged([NEW], known, UNIVERSE, {}, AFTER)
    assert (found.spellings, found.withdrawn) == (Spellings((NEW,)), (CHAINED,))


@pytest.mark.parametrize("today", [TODAY, DAY, AFTER])
def test_an_answer_that_tells_of_no_rename_at_all_takes_nothing_back(today: date) -> None:
    known = Spellings((NEW, CHAINED))
    found = judged([], known, UNIVERSE, {}, today)
    assert (found.spellings, found.fresh, found.refused, found.withdrawn) == (known, (), (), ())


def test_a_name_is_read_by_its_day_and_one_that_was_given_up_is_a_strangers() -> None:
    chain = Spellings().with_renames((Rename(old="NEW", new="NEWER", on=LATER), NEW))
    days = (date(2026, 8, 31), DAY, LATER)
    assert [chain.theirs("AAA", day) for day in days] == ["AAA", "NEW", "NEWER"]
    assert [chain.ours(name, day) for name, day in zip(("AAA", "NEW", "NEWER"), days, strict=True)] == ["AAA"] * 3
    assert [chain.ours("AAA", day) for day in days] == ["AAA", "AAA^", "AAA^"]
    assert [chain.ours("NEW", day) for day in days] == ["NEW", "AAA", "NEW^"]
    assert chain.ever("AAA") == ("AAA", "NEW", "NEWER")
    assert [chain.owner(name) for name in ("AAA", "NEW", "NEWER", "BBB")] == ["AAA", "AAA", "AAA", "BBB"]
    assert (chain.theirs("BBB", LATER), chain.ours("BBB", LATER)) == ("BBB", "BBB")
