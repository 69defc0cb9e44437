"""The companies the product knows by name, its present-day S&P 100, and how others spell a ticker.

Inside the desk a share class follows a dash (BRK-B), as at Yahoo; other spellings live at the edges.
"""

import csv
from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib import resources

from tenthman.data.renames import known_renames
from tenthman.domain.market import Listing, Universe

INDEX_TICKER = "SPY"


@cache
def companies() -> Mapping[str, Listing]:
    """Names, issuers, GICS sectors and aliases of past and present S&P 100 companies, by ticker.

    The membership dates in these listings mean nothing; whoever builds a universe sets them.
    """
    return {
        row["ticker"]: Listing(
            ticker=row["ticker"],
            name=row["name"],
            issuer=row["issuer"],
            sector=row["sector"],
            aliases=tuple(row["aliases"].split("|")),
            member_from=date.min,
            member_to=None,
        )
        for row in _rows("companies.csv")
    }


@cache
def sp100() -> Universe:
    """The S&P 100 as of July 2026 (101 tickers of 100 companies) with SPY as the index.

    When a member joined is known only for changes since 2022; the others count from 2010 on. Companies that have left
    are absent, so history before the list's date is biased towards survivors.
    """
    known = companies()
    return Universe(
        listings=tuple(
            Listing(
                ticker=row["ticker"],
                name=known[row["ticker"]].name,
                issuer=known[row["ticker"]].issuer,
                sector=known[row["ticker"]].sector,
                aliases=known[row["ticker"]].aliases,
                member_from=date.fromisoformat(row["member_from"]),
                member_to=date.fromisoformat(row["member_to"]) if row["member_to"] else None,
            )
            for row in _rows("sp100.csv")
        ),
        index_ticker=INDEX_TICKER,
        renames=known_renames(),
    )


def _rows(name: str) -> list[dict[str, str]]:
    text = resources.files("tenthman.data").joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
