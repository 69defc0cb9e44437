"""The fictional companies of the practice market, and who of them belongs to its index when."""

import csv
import hashlib
from dataclasses import dataclass
from datetime import timedelta
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from tenthman.domain.market import Listing, SessionHours, Universe

INDEX_TICKER = "PMKT"
INDEX_NAME = "Practice Market 100"

_CHANGES = (0.16, 0.31, 0.45, 0.59, 0.72, 0.93)  # of the range: when one company replaces another in the index
_NEWLY_LISTED = 2  # of the joiners, how many had no bars before
_DELISTED = 2  # of the leavers, how many have no bars afterwards
_SEASONING = 120  # sessions that a new listing trades before it joins the index


def stream(seed: int, name: str) -> np.random.Generator:
    """An independent random stream for `name`: draws added to one part of the market never move another part.

    PCG64 seeded through a SeedSequence (O'Neill 2014; numpy) whose spawn key is the SHA-256 of the name.
    """
    words = np.frombuffer(hashlib.sha256(name.encode()).digest(), dtype="<u4")
    sequence = np.random.SeedSequence(seed, spawn_key=tuple(int(word) for word in words))
    return np.random.Generator(np.random.PCG64(sequence))


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """A fictional company: one issuer with one ticker, or two when it has two classes of shares."""

    issuer: str
    name: str
    sector: str
    tickers: tuple[str, ...]

    @property
    def short(self) -> str:
        """What headlines call it: the first word, which no other company shares."""
        return self.issuer.split()[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetime:
    """Rows of the panel, half open: when a company has bars, and when it belongs to the index."""

    listed: range
    member: range


def companies() -> tuple[Company, ...]:
    """All 106: a hundred are in the index at any time."""
    text = resources.files("tenthman.exchange").joinpath("practice_companies.csv").read_text(encoding="utf-8")
    return tuple(
        Company(
            issuer=row["issuer"],
            name=f"{row['issuer']} {row['suffix']}",
            sector=row["sector"],
            tickers=tuple(row["tickers"].split()),
        )
        for row in csv.DictReader(text.splitlines())
    )


def lifetimes(seed: int, roster: tuple[Company, ...], sessions: int) -> tuple[Lifetime, ...]:
    """Six times one company replaces another; some joiners are newly listed, some leavers are delisted."""
    single = [index for index, company in enumerate(roster) if len(company.tickers) == 1]
    chosen = stream(seed, "membership").permutation(np.array(single))[: 2 * len(_CHANGES)]
    rows = [int(fraction * sessions) for fraction in _CHANGES]
    lives = {index: Lifetime(listed=range(sessions), member=range(sessions)) for index in range(len(roster))}
    for place, row in enumerate(rows):
        leaver, joiner = int(chosen[2 * place]), int(chosen[2 * place + 1])
        last = row if place < _DELISTED else sessions
        first = max(row - _SEASONING, 0) if place >= len(rows) - _NEWLY_LISTED else 0
        lives[leaver] = Lifetime(listed=range(last), member=range(row))
        lives[joiner] = Lifetime(listed=range(first, sessions), member=range(row, sessions))
    return tuple(lives[index] for index in range(len(roster)))


def share_classes(roster: tuple[Company, ...]) -> NDArray[np.int64]:
    """Company index of each ticker, in the order of `ticker_order`."""
    return np.array([index for index, company in enumerate(roster) for _ in company.tickers], dtype=np.int64)


def ticker_order(roster: tuple[Company, ...]) -> tuple[str, ...]:
    """Every ticker, company by company, without the index."""
    return tuple(ticker for company in roster for ticker in company.tickers)


def universe(roster: tuple[Company, ...], lives: tuple[Lifetime, ...], hours: tuple[SessionHours, ...]) -> Universe:
    """Dated membership; `hours` are the sessions of the panel."""
    listings = []
    for company, life in zip(roster, lives, strict=True):
        member_from = hours[life.member.start].session
        leaves = life.member.stop < len(hours)
        for place, ticker in enumerate(company.tickers):
            suffix = f" Class {'AB'[place]}" if len(company.tickers) > 1 else ""
            listings.append(
                Listing(
                    ticker=ticker,
                    name=company.name + suffix,
                    issuer=company.issuer,
                    sector=company.sector,
                    aliases=(company.issuer, company.short),
                    member_from=member_from if life.member.start else member_from - timedelta(days=1),
                    member_to=hours[life.member.stop].session if leaves else None,
                )
            )
    return Universe(listings=tuple(listings), index_ticker=INDEX_TICKER)
