"""What happens to the companies of the practice market: results, news with an effect, and halts.

An event moves the price in the gap before one session. Its headline appears while that gap is closed, or later in the
same session; so nobody can buy at a price from before the move knowing of it.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from tenthman.domain.market import Floats, SessionHours
from tenthman.exchange.practice_companies import Lifetime, stream

Integers = NDArray[np.int64]

DRIFT_SESSIONS = 10

_GENUINE = 0.8  # share of events whose headline has the tone of the move
_NEWS_PER_SESSION = 1.5  # events other than results, over all companies
_EARNINGS_MOVE = 3.0  # of a stock's own daily volatility, scale of the results gap
_NEWS_MOVE = 1.3
_AFTER_CLOSE = 0.6  # share of companies that report after the close; the others before the open
_HALTS_PER_YEAR = 2.0
_SESSIONS_A_YEAR = 252


class Kind(IntEnum):
    """What an event is about."""

    EARNINGS = 0
    GUIDANCE = 1
    RATING = 2
    PRODUCT = 3
    LEGAL = 4
    DEAL = 5


class Moment(IntEnum):
    """When the headline of an event appears, seen from the session whose opening gap it moves."""

    AFTER_PREVIOUS_CLOSE = 0
    BEFORE_OPEN = 1
    IN_SESSION = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """Aligned arrays, one entry per event, in order of session and company.

    `session` is the row whose opening gap carries the move; `sign` that of the move; `tone` that of the headline;
    `scale` the size of the move in daily standard deviations of the company's own risk.
    """

    session: Integers
    company: Integers
    kind: Integers
    moment: Integers
    sign: Integers
    tone: Integers
    scale: Floats

    @property
    def genuine(self) -> NDArray[np.bool_]:
        """Whether the headline's tone agrees with the move."""
        return np.asarray(self.sign == self.tone)

    @property
    def first_tradable(self) -> Integers:
        """First session that opens with the headline known."""
        return np.asarray(self.session + (self.moment == Moment.IN_SESSION))


def schedule(seed: int, lives: tuple[Lifetime, ...], hours: tuple[SessionHours, ...]) -> Events:
    """All events of all companies while they are listed."""
    earnings = _earnings(seed, len(lives), hours)
    news = _news(seed, len(lives), len(hours))
    table = np.concatenate([earnings, news])
    listed = np.array([int(row) in lives[int(company)].listed[1:] for row, company in table[:, :2]])
    table = table[listed]
    table = table[np.lexsort((table[:, 2], table[:, 1], table[:, 0]))]
    rng = stream(seed, "event moves")
    count = len(table)
    sign = 2 * rng.integers(0, 2, count) - 1
    tone = np.where(rng.random(count) < _GENUINE, sign, -sign)
    move = np.where(table[:, 2] == Kind.EARNINGS, _EARNINGS_MOVE, _NEWS_MOVE)
    scale = move * (0.25 + np.abs(rng.standard_normal(count)))
    return Events(
        session=table[:, 0],
        company=table[:, 1],
        kind=table[:, 2],
        moment=table[:, 3],
        sign=sign,
        tone=tone,
        scale=scale,
    )


def gaps(events: Events, sessions: int, own_risk: Floats) -> Floats:
    """Opening moves of the events as returns, shape (sessions, companies); `own_risk` is daily, per company."""
    moves = np.zeros((sessions, len(own_risk)))
    np.add.at(moves, (events.session, events.company), events.sign * events.scale * own_risk[events.company])
    return moves


def drifts(events: Events, sessions: int, companies: int) -> Floats:
    """Signed count of genuine events whose drift runs in each session, shape (sessions, companies)."""
    running = np.zeros((sessions + DRIFT_SESSIONS + 1, companies))
    genuine = events.genuine
    first, company, sign = events.first_tradable[genuine], events.company[genuine], events.sign[genuine]
    for ahead in range(DRIFT_SESSIONS):
        np.add.at(running, (first + ahead, company), sign)
    return running[:sessions]


def remaining_drifts(events: Events, sessions: int, companies: int) -> Floats:
    """Signed drift sessions still to come at each open, over the genuine events known by then."""
    ahead_of_open = np.zeros((sessions + DRIFT_SESSIONS + 1, companies))
    genuine = events.genuine
    first, company, sign = events.first_tradable[genuine], events.company[genuine], events.sign[genuine]
    for age in range(DRIFT_SESSIONS):
        np.add.at(ahead_of_open, (first + age, company), sign * (DRIFT_SESSIONS - age))
    return ahead_of_open[:sessions]


def halts(seed: int, lives: tuple[Lifetime, ...], sessions: int) -> tuple[tuple[int, int], ...]:
    """(session, company) pairs without a bar; never a company's first two or last two sessions."""
    rng = stream(seed, "halts")
    count = int(rng.poisson(_HALTS_PER_YEAR * sessions / _SESSIONS_A_YEAR))
    pairs = set()
    for share, company in zip(rng.random(count), rng.integers(0, len(lives), count), strict=True):
        listed = lives[int(company)].listed
        pairs.add((listed.start + 2 + int(share * (len(listed) - 4)), int(company)))
    return tuple(sorted(pairs))


def _earnings(seed: int, companies: int, hours: tuple[SessionHours, ...]) -> Integers:
    """Four reports a year per company, two to eight weeks after each calendar quarter began."""
    rng = stream(seed, "earnings calendar")
    days = rng.integers(9, 38, companies)
    after_close = rng.random(companies) < _AFTER_CLOSE
    quarters = [(item.session.year, (item.session.month - 1) // 3) for item in hours]
    starts = [0, *(row for row in range(1, len(hours)) if quarters[row] != quarters[row - 1])]
    rows: list[tuple[int, int, int, int]] = []
    for start in starts:
        jitter = rng.integers(-2, 3, companies)
        rows.extend(
            (
                start + int(days[company] + jitter[company]),
                company,
                int(Kind.EARNINGS),
                int(Moment.AFTER_PREVIOUS_CLOSE if after_close[company] else Moment.BEFORE_OPEN),
            )
            for company in range(companies)
        )
    return np.array([row for row in rows if row[0] < len(hours)], dtype=np.int64).reshape(-1, 4)


def _news(seed: int, companies: int, sessions: int) -> Integers:
    rng = stream(seed, "company news")
    counts = rng.poisson(_NEWS_PER_SESSION, sessions)
    total = int(counts.sum())
    return np.column_stack(
        [
            np.repeat(np.arange(sessions), counts),
            rng.integers(0, companies, total),
            rng.integers(int(Kind.GUIDANCE), int(Kind.DEAL) + 1, total),
            rng.integers(int(Moment.AFTER_PREVIOUS_CLOSE), int(Moment.IN_SESSION) + 1, total),
        ]
    ).astype(np.int64)
