"""Flags and corporate actions in PostgreSQL: which bars cannot be trusted and why, and what companies did."""

from collections.abc import Sequence
from datetime import date, datetime

from tenthman.data.sources import ActionKind, CorporateAction, Flag
from tenthman.db.pool import Pool
from tenthman.db.sql import load_queries

_SQL = load_queries("tenthman.data", "flags.sql")


class FlagStore:
    """The flags and corporate actions of one market."""

    def __init__(self, pool: Pool, market_id: str) -> None:
        self._pool = pool
        self._market_id = market_id

    def settle(
        self,
        flags: Sequence[Flag],
        rules: Sequence[str],
        tickers: Sequence[str],
        span: tuple[date, date],
        at: datetime,
    ) -> list[Flag]:
        """Take over what an examination of `tickers` in `span` by `rules` found; returns the flags that are new.

        A flag that was not found again is cleared: its bar was mended. Cleared flags are kept.
        """
        raised = [flag for flag in flags if flag.rule in rules]
        told = {
            "market": self._market_id,
            "at": at,
            "tickers": list(tickers),
            "first": span[0],
            "last": span[1],
            "rules": list(rules),
            "still_tickers": [flag.ticker for flag in raised],
            "still_sessions": [flag.session for flag in raised],
            "still_rules": [flag.rule for flag in raised],
            "details": [flag.detail for flag in raised],
        }
        with self._pool.connection() as connection:
            connection.execute(_SQL["clear"], told)
            rows = connection.execute(_SQL["raise"], told).fetchall()
        return sorted((_flag(row) for row in rows), key=lambda flag: (flag.ticker, flag.session, flag.rule))

    def standing(self, first: date, last: date) -> list[Flag]:
        """Flags of bars in `first`..`last` that are not cleared, by ticker, session and rule."""
        with self._pool.connection() as connection:
            rows = connection.execute(_SQL["standing"], [self._market_id, first, last]).fetchall()
        return [_flag(row) for row in rows]

    def doubted(self, last: date) -> frozenset[tuple[str, date]]:
        """Ticker and session of every bar up to `last` with a flag that is not cleared, whatever its rule."""
        return frozenset((flag.ticker, flag.session) for flag in self.standing(date.min, last))

    def save_actions(self, actions: Sequence[CorporateAction], source: str, at: datetime) -> None:
        """Store what `source` says companies did; its newest word on an ex-date counts."""
        rows = [
            (self._market_id, item.ticker, item.ex_date, item.kind.value, item.value, source, at) for item in actions
        ]
        with self._pool.connection() as connection, connection.cursor() as cursor:
            cursor.executemany(_SQL["save_action"], rows)

    def actions(self, tickers: Sequence[str], first: date, last: date) -> tuple[CorporateAction, ...]:
        """Stored actions with an ex-date in `first`..`last`; where sources disagree, the word fetched last."""
        with self._pool.connection() as connection:
            rows = connection.execute(_SQL["actions"], [self._market_id, list(tickers), first, last]).fetchall()
        return tuple(
            CorporateAction(ticker=row[0], ex_date=row[1], kind=ActionKind(row[2]), value=row[3]) for row in rows
        )


def _flag(row: Sequence[object]) -> Flag:
    ticker, session, rule, detail = row
    assert isinstance(session, date)
    return Flag(ticker=str(ticker), session=session, rule=str(rule), detail=str(detail))
