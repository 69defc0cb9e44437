"""Blackouts: sessions on which nothing is entered, and companies whose earnings are near."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date

from tenthman.config import BlackoutRules
from tenthman.domain.market import SessionHours


class Barred:
    """The tickers that may not be entered; `everyone` where the session itself is barred."""

    __slots__ = ("_everyone", "_tickers")

    def __init__(self, tickers: frozenset[str], everyone: bool) -> None:
        self._tickers = tickers
        self._everyone = everyone

    def __contains__(self, ticker: str) -> bool:
        return self._everyone or ticker in self._tickers


NOBODY = Barred(frozenset(), everyone=False)


def barred_on(session: date, hours: Sequence[SessionHours], rules: BlackoutRules | None) -> Barred:
    """Who may not be entered in `session`; `hours` is the calendar, in order.

    A company is barred from `sessions_before` sessions before its earnings date to that date. Where the calendar ends
    before that date, the sessions that it does know are counted: too few rather than too many.
    """
    if rules is None:
        return NOBODY
    days = [item.session for item in hours]
    before = bisect_right(days, session)
    near = frozenset(
        item.ticker
        for item in rules.earnings
        if item.date >= session and bisect_right(days, item.date) - before <= rules.sessions_before
    )
    return Barred(near, everyone=session in rules.dates)
