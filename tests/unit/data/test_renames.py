"""Renames: a security's history before and after is one, and a name that was given up may be another's later."""

from datetime import date

import numpy as np
import pytest

from tenthman.data.renames import (
    in_order,
    known_renames,
    listings_under_latest_names,
    renames_from,
    under_house_names,
    under_latest_names,
)
from tenthman.data.universe import companies, sp100
from tenthman.domain.errors import DataCorrupt
from tenthman.domain.market import Listing, Rename, latest_name
from tenthman.domain.spelling import Spellings

META = Rename(old="FB", new="META", on=date(2022, 6, 9))
CHAIN = (Rename(old="B", new="C", on=date(2015, 1, 2)), Rename(old="A", new="B", on=date(2010, 1, 4)), META)


Days = np.ndarray[tuple[int], np.dtype[np.datetime64]]


def _rows(*rows: tuple[str, str]) -> tuple[np.ndarray[tuple[int], np.dtype[np.intp]], tuple[str, ...], Days]:
    tickers = tuple(sorted({ticker for ticker, _ in rows}))
    codes = np.array([tickers.index(ticker) for ticker, _ in rows], dtype=np.intp)
    return codes, tickers, np.array([day for _, day in rows], dtype="datetime64[D]")


def _spelled(*rows: tuple[str, str]) -> list[str]:
    codes, tickers = under_latest_names(CHAIN, *_rows(*rows))
    assert list(tickers) == sorted(set(tickers))
    assert len(np.unique(codes)) == len(tickers)
    return [tickers[code] for code in codes]


@pytest.mark.parametrize(
    ("symbol", "day", "ticker"),
    [
        ("FB", date(2022, 6, 8), "META"),
        ("FB", date(2022, 6, 9), "FB"),
        ("META", date(2015, 1, 2), "META"),
        ("A", date(2009, 6, 1), "C"),
        ("A", date(2012, 6, 1), "A"),
        ("B", date(2012, 6, 1), "C"),
        ("AAPL", date(2009, 6, 1), "AAPL"),
    ],
)
def test_the_day_decides_what_a_name_meant(symbol: str, day: date, ticker: str) -> None:
    assert latest_name(CHAIN, symbol, day) == ticker


def test_rows_before_and_after_a_rename_are_one_security_and_a_name_taken_again_is_another() -> None:
    told = [("FB", "2022-06-08"), ("META", "2022-06-09"), ("FB", "2026-01-05"), ("SPY", "2022-06-08")]
    assert _spelled(*told) == ["META", "META", "FB", "SPY"]


def test_a_security_with_two_renames_goes_under_its_last_name() -> None:
    assert _spelled(("A", "2009-06-01"), ("B", "2012-06-01"), ("C", "2016-06-01")) == ["C", "C", "C"]


def test_a_table_that_carried_the_new_name_back_is_left_as_it_stands() -> None:
    told = [("FB", "2022-06-08"), ("META", "2022-06-08"), ("META", "2022-06-09")]
    assert _spelled(*told) == ["FB", "META", "META"]


HANDED_ON = (Rename(old="A", new="B", on=date(2015, 1, 2)), Rename(old="B", new="C", on=date(2015, 1, 2)))


def test_a_name_that_is_given_up_and_taken_on_one_day_passes_from_one_security_to_another() -> None:
    assert [item.old for item in in_order(HANDED_ON)] == ["B", "A"]
    told = [("A", "2015-01-01"), ("B", "2015-01-01"), ("B", "2015-01-02"), ("C", "2015-01-02")]
    codes, tickers = under_latest_names(HANDED_ON, *_rows(*told))
    assert [tickers[code] for code in codes] == ["B", "C", "B", "C"]
    assert [latest_name(HANDED_ON, *row) for row in (("A", date(2015, 1, 1)), ("B", date(2015, 1, 1)))] == ["B", "C"]


def test_names_that_go_round_in_a_ring_on_one_day_are_refused() -> None:
    text = "old,new,on\nA,B,2015-01-02\nB,A,2015-01-02\n"
    with pytest.raises(
        DataCorrupt, match=r"r\.csv: column `new`: .*ring on one day, on 2015-01-02 went A to B, B to A"
    ):
        renames_from(text, "r.csv")


LEARNED = Spellings((Rename(old="AAA", new="NEW", on=date(2026, 9, 1)),))


def _kept(*rows: tuple[str, str]) -> list[str]:
    codes, tickers, days = _rows(*rows)
    found, names = under_house_names(LEARNED, codes, tickers, days, "mine.csv")
    assert list(names) == sorted(set(names))
    return [names[code] for code in found]


def test_rows_under_a_name_that_was_learned_later_go_under_the_ticker_that_is_kept() -> None:
    assert _kept(("AAA", "2026-08-31"), ("NEW", "2026-09-01"), ("ZZZ", "2026-09-01")) == ["AAA", "AAA", "ZZZ"]
    assert _kept(("NEW", "2026-08-31"), ("NEW", "2026-09-01")) == ["AAA", "AAA"], "the file carried the new name back"
    assert _kept(("AAA", "2026-08-31"), ("ZZZ", "2026-09-01")) == ["AAA", "ZZZ"]


@pytest.mark.parametrize(
    ("rows", "name"),
    [
        ((("AAA", "2026-08-31"), ("AAA", "2026-09-01")), "AAA after"),
        ((("AAA", "2026-08-28"), ("NEW", "2026-08-31")), "NEW before"),
    ],
)
def test_a_file_in_which_two_histories_would_meet_in_one_ticker_is_refused(
    rows: tuple[tuple[str, str], ...], name: str
) -> None:
    with pytest.raises(DataCorrupt, match=rf"mine\.csv: AAA is NEW from 2026-09-01 on, and the file has {name}"):
        _kept(*rows)


def _listing(ticker: str, name: str, since: date, until: date | None) -> Listing:
    return Listing(
        ticker=ticker, name=name, issuer="Meta", sector="Tech", aliases=(f"{name} Inc",), member_from=since,
        member_to=until,
    )  # fmt: skip


def test_a_membership_that_went_on_under_the_new_name_is_one_and_keeps_the_old_names() -> None:
    old = _listing("FB", "Facebook", date(2014, 1, 2), date(2022, 6, 9))
    new = _listing("META", "Meta Platforms", date(2022, 6, 9), None)
    (one,) = listings_under_latest_names(CHAIN, [new, old])
    assert (one.ticker, one.member_from, one.member_to) == ("META", date(2014, 1, 2), None)
    assert one.aliases == ("Meta Platforms Inc", "Facebook Inc", "Facebook")


def test_memberships_apart_stay_two_and_one_name_twice_is_not_joined() -> None:
    left = _listing("FB", "Facebook", date(2014, 1, 2), date(2020, 1, 2))
    back = _listing("META", "Meta Platforms", date(2022, 6, 9), None)
    assert [item.member_from for item in listings_under_latest_names(CHAIN, [left, back])] == [
        date(2014, 1, 2),
        date(2022, 6, 9),
    ]
    twice = [_listing("X", "X", date(2014, 1, 2), date(2015, 1, 2)), _listing("X", "X", date(2015, 1, 2), None)]
    assert listings_under_latest_names(CHAIN, twice) == tuple(twice)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("fb,META,2022-06-09", r"mine: row 1, column `old`: must be 1 to 16 of .*, was 'fb'"),
        ("FB,META,June", r"mine: row 1, column `on`: must be a date like 2022-06-09, was 'June'"),
        ("FB,FB,2022-06-09", r"mine: row 1, column `new`: `new` must be another name than `old` 'FB'"),
        ("FB,META,2022-06-09\nFB,MVRS,2022-06-09", r"row 2, column `old`: FB must have one new name on 2022-06-09"),
    ],
)
def test_a_defective_table_of_renames_is_refused_by_row_and_column(row: str, message: str) -> None:
    with pytest.raises(DataCorrupt, match=message):
        renames_from(f"old,new,on\n{row}\n", "mine")


def test_the_shipped_universe_knows_the_renames_of_its_companies() -> None:
    assert sp100().ticker_of("FB", date(2022, 6, 8)) == "META"
    assert sp100().ticker_of("BK", date(2026, 5, 20)) == "BNY"
    assert sp100().renames == known_renames()
    assert {item.new for item in known_renames()} <= set(companies())
