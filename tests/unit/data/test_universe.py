"""The companies and the present-day S&P 100 that ship with the product."""

from collections import Counter
from datetime import date

import pytest

from tenthman.data.pack_tables import TICKER
from tenthman.data.universe import companies, sp100
from tenthman.utils.symbols import from_wire, to_wire

GICS = {
    "Communication Services",
    "Consumer Discretionary",
    "Consumer Staples",
    "Energy",
    "Financials",
    "Health Care",
    "Industrials",
    "Information Technology",
    "Materials",
    "Real Estate",
    "Utilities",
}


def test_the_list_has_a_hundred_and_one_tickers_of_a_hundred_companies() -> None:
    members = sp100().members(date(2026, 7, 12))
    assert len(members) == 101
    assert len({item.issuer for item in members}) == 100
    assert sp100().issuer_of("GOOG") == sp100().issuer_of("GOOGL") == "Alphabet"


def test_known_joiners_were_not_members_before() -> None:
    before, after = ({item.ticker for item in sp100().members(day)} for day in (date(2026, 3, 20), date(2026, 3, 23)))
    assert after - before == {"MU", "LRCX", "AMAT", "GEV"}


def test_every_company_has_a_gics_sector_an_issuer_and_an_alias() -> None:
    assert {item.sector for item in companies().values()} == GICS
    assert all(item.aliases and all(item.aliases) for item in companies().values())
    assert all(TICKER.fullmatch(ticker) for ticker in companies())


def test_an_alias_belongs_to_one_issuer() -> None:
    owners = {(alias.casefold(), item.issuer) for item in companies().values() for alias in item.aliases}
    shared = [alias for alias, count in Counter(alias for alias, _ in owners).items() if count > 1]
    assert shared == []


@pytest.mark.parametrize("word", ["target", "gap", "now", "low", "so", "meta", "chase", "fox", "all", "cost"])
def test_words_of_the_language_are_no_aliases(word: str) -> None:
    assert word not in {alias.casefold() for item in companies().values() for alias in item.aliases}


def test_share_classes_are_spelled_alpacas_way_at_alpaca_only() -> None:
    assert to_wire("BRK-B") == "BRK.B"
    assert from_wire("BRK.B") == "BRK-B"
    assert to_wire("AAPL") == from_wire("AAPL") == "AAPL"
