"""Bars, corporate actions, headlines and last prices through alpaca-py, from Alpaca or whatever speaks its wire."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Literal, TypeVar

import numpy as np
import requests
import structlog
from alpaca.common.enums import Sort
from alpaca.common.exceptions import APIError
from alpaca.data.enums import Adjustment, CorporateActionsType, DataFeed
from alpaca.data.requests import CorporateActionsRequest, NewsRequest, StockBarsRequest, StockLatestTradeRequest
from alpaca.data.timeframe import TimeFrame, TimeFrameUnit

from tenthman.config import BrokerSettings
from tenthman.data.alpaca_clients import TimedActions, TimedBars, TimedNews, Unreadable
from tenthman.data.calendar import FIRST_DAY, LAST_DAY
from tenthman.data.intraday import IntradayTable
from tenthman.data.sources import IMPOSSIBLE, SPLIT_ADJUSTED, ActionKind, CorporateAction, Daily, Flag
from tenthman.data.tables import TICKER
from tenthman.domain.errors import BrokerUnavailable, DataCorrupt, SetupError
from tenthman.domain.market import NEW_YORK, Bar, Rename
from tenthman.domain.news import NewsItem, TimePrecision
from tenthman.utils.symbols import from_wire, to_wire

_log = structlog.get_logger(__name__)

_SHORT = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}
_ACTIONS = (
    CorporateActionsType.FORWARD_SPLIT,
    CorporateActionsType.REVERSE_SPLIT,
    CorporateActionsType.CASH_DIVIDEND,
)
_PROCESSING = timedelta(days=60)

AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Minutes:
    """Bars inside the session, and rows that were no possible bar."""

    table: IntradayTable
    refused: tuple[Flag, ...]


class AlpacaMarketSource:
    """Market data as of the moment of asking: everything is stamped `known_at = seen_at`. Keeps `BarSource`.

    `data_url` None means Alpaca's own. `feed`: whose trades bars are made of; None is the best that the account may
    read. BrokerUnavailable: no answer. SetupError: keys refused. DataCorrupt: an answer that contradicts itself.
    """

    price_basis = SPLIT_ADJUSTED

    def __init__(
        self,
        data_url: str | None,
        key: str,
        secret: str,
        settings: BrokerSettings,
        feed: Literal["sip", "iex"] | None = None,
        name: str = "Alpaca",
    ) -> None:
        self._stocks = TimedBars(data_url, key, secret, settings)
        self._stories = TimedNews(data_url, key, secret, settings)
        self._events = TimedActions(data_url, key, secret, settings)
        self._feed = None if feed is None else DataFeed(feed)
        self.name = name

    def bars(self, tickers: Sequence[str], first: date, last: date, seen_at: datetime) -> list[Bar]:
        """The bars of `daily`; what is left out is logged."""
        found = self.daily(tickers, first, last, seen_at)
        for flag in found.refused:
            _log.warning("impossible bar left out", ticker=flag.ticker, session=str(flag.session), cause=flag.detail)
        return list(found.bars)

    def daily(self, tickers: Sequence[str], first: date, last: date, seen_at: datetime) -> Daily:
        """Split-adjusted daily bars of the sessions `first`..`last`, by ticker and session; unknown tickers are absent.

        A daily bar is stamped with midnight in New York, which is how its session is told.
        """
        if not tickers:
            return Daily(bars=())
        request = StockBarsRequest(
            symbol_or_symbols=[to_wire(ticker) for ticker in tickers],
            timeframe=TimeFrame.Day,
            start=_midnight(first),
            end=_midnight(last),
            adjustment=Adjustment.SPLIT,
            feed=self._feed,
        )
        answer = _ask("bars", lambda: _as_object(self._stocks.get_stock_bars(request)))
        read = [
            _read_bar(from_wire(symbol), row, seen_at)
            for symbol, rows in answer.items()
            for row in _as_list(symbol, rows)
        ]
        bars = sorted((item for item in read if isinstance(item, Bar)), key=lambda bar: (bar.ticker, bar.session))
        return Daily(bars=tuple(bars), refused=tuple(item for item in read if isinstance(item, Flag)))

    def intraday(self, tickers: Sequence[str], minutes: int, first: date, last: date) -> Minutes:
        """Bars of `minutes` (1 to 30) from the first minute of `first` to the last of `last`, New York's dates.

        Prices are those traded, not adjusted; hours before the opening and after the close are in it. A row that
        contradicts itself is left out and told.
        """
        request = StockBarsRequest(
            symbol_or_symbols=[to_wire(ticker) for ticker in tickers],
            timeframe=TimeFrame(minutes, TimeFrameUnit.Minute),
            start=_midnight(first),
            end=_midnight(last + timedelta(days=1)) - timedelta(seconds=1),
            adjustment=Adjustment.RAW,
            feed=self._feed,
        )
        answer = _ask("bars", lambda: _as_object(self._stocks.get_stock_bars(request)))
        listed = {from_wire(symbol): _as_list(symbol, rows) for symbol, rows in answer.items()}
        return _intraday(dict(sorted(listed.items())))

    def actions(self, tickers: Sequence[str], first: date, last: date) -> tuple[CorporateAction, ...]:
        """Splits and cash dividends with an ex-date in `first`..`last`, by ticker, day and kind.

        Alpaca searches by the day of processing, which may lie some weeks from the ex-date, so more is asked for.
        """
        if not tickers:
            return ()
        request = CorporateActionsRequest(
            symbols=[to_wire(ticker) for ticker in tickers],
            types=list(_ACTIONS),
            start=first - _PROCESSING,
            end=last + _PROCESSING,
            limit=None,
        )
        answer = _ask("corporate actions", lambda: _as_object(self._events.get_corporate_actions(request)))
        found = [
            _read_action(kind, row)
            for kind, listed in ((kind, f"{kind.value}s") for kind in _ACTIONS)
            for row in _as_list(listed, answer.get(listed, []))
        ]
        inside = {action for action in found if first <= action.ex_date <= last}
        return tuple(sorted(inside, key=lambda item: (item.ticker, item.ex_date, item.kind.value)))

    def renames(self, first: date, last: date) -> tuple[Rename, ...]:
        """Name changes processed in `first`..`last`, of all symbols, by day; rows that name no other symbol are passed
        over, and so are those whose symbols could be no ticker.

        They are not asked for by symbol: nothing says whether that would find the old name or the new one.
        """
        request = CorporateActionsRequest(types=[CorporateActionsType.NAME_CHANGE], start=first, end=last, limit=None)
        answer = _ask("name changes", lambda: _as_object(self._events.get_corporate_actions(request)))
        listed = _as_list("name_changes", answer.get("name_changes", []))
        found = {item for row in listed if (item := _read_rename(row)) is not None}
        return tuple(sorted(found, key=lambda item: (item.on, item.old, item.new)))

    def news(self, after: datetime, until: datetime, seen_at: datetime) -> list[NewsItem]:
        """Headlines created or updated from `after` to `until`, oldest first; those without a headline are left out.

        The ends are included, so an item may be served twice by two calls that meet; its id is the same.
        """
        request = NewsRequest(start=after, end=until, sort=Sort.ASC, include_content=False)
        answer = _ask("news", lambda: _as_object(self._stories.get_news(request)))
        items = (read_story(row, seen_at) for row in _as_list("news", answer.get("news", [])))
        return [item for item in items if item is not None]

    def latest_prices(self, tickers: Sequence[str]) -> dict[str, Decimal]:
        """Price of the last trade of each ticker, USD; tickers without one are absent."""
        if not tickers:
            return {}
        request = StockLatestTradeRequest(symbol_or_symbols=[to_wire(ticker) for ticker in tickers])
        answer = _ask("latest prices", lambda: _as_object(self._stocks.get_stock_latest_trade(request)))
        return dict(_read_prices(answer))


def _ask(what: str, call: Callable[[], AnswerT]) -> AnswerT:
    try:
        return call()
    except APIError as error:
        if error.status_code == requests.codes.unauthorized:
            raise SetupError("the data service refuses the keys; check ALPACA_API_KEY and ALPACA_SECRET_KEY") from error
        raise BrokerUnavailable(f"{what}: the data service answered {error.status_code}: {str(error)[:200]}") from error
    except requests.RequestException as error:
        raise BrokerUnavailable(f"{what}: no answer from the data service: {type(error).__name__}") from error
    # alpaca-py itself reads the pages, and what it meets in a malformed one it does not expect.
    except (ValueError, AttributeError, TypeError, KeyError) as error:
        raise DataCorrupt(f"{what}: the answer is unreadable: {error}") from error


def _midnight(session: date) -> datetime:
    return datetime.combine(session, time(), tzinfo=NEW_YORK).astimezone(UTC)


def _as_object(answer: object) -> Mapping[str, object]:
    if not isinstance(answer, dict):
        raise Unreadable(f"must be an object, was {type(answer).__name__}")
    return answer


def _as_list(name: str, rows: object) -> list[object]:
    if not isinstance(rows, list):
        raise DataCorrupt(f"`{name}` must be a list, was {type(rows).__name__}")
    return rows


def _read_bar(ticker: str, row: object, seen_at: datetime) -> Bar | Flag:
    try:
        fields = _as_object(row)
        session = _instant(fields, "t").astimezone(NEW_YORK).date()
        numbers = {name: _number(fields, short) for name, short in _SHORT.items()}
    except ValueError as error:
        raise DataCorrupt(f"bars of {ticker}: {error}") from error
    try:
        return Bar(ticker=ticker, session=session, known_at=seen_at, **numbers)
    except ValueError as error:
        return Flag(ticker=ticker, session=session, rule=IMPOSSIBLE, detail=str(error))


def _intraday(listed: Mapping[str, list[object]]) -> Minutes:
    refused: list[Flag] = []
    codes: list[int] = []
    begins: list[datetime] = []
    columns: dict[str, list[float]] = {name: [] for name in _SHORT}
    for code, (ticker, rows) in enumerate(listed.items()):
        for row in rows:
            try:
                fields = _as_object(row)
                begin = _instant(fields, "t")
                numbers = {name: _number(fields, short) for name, short in _SHORT.items()}
            except ValueError as error:
                raise DataCorrupt(f"bars of {ticker}: {error}") from error
            session = begin.astimezone(NEW_YORK).date()
            try:
                Bar(ticker=ticker, session=session, known_at=begin, **numbers)
            except ValueError as error:
                detail = f"at {begin:%H:%M} UTC: {error}"
                refused.append(Flag(ticker=ticker, session=session, rule=IMPOSSIBLE, detail=detail))
                continue
            codes.append(code)
            begins.append(begin.replace(tzinfo=None))
            for name, value in numbers.items():
                columns[name].append(value)
    table = IntradayTable(
        tickers=tuple(listed),
        codes=np.array(codes, dtype=np.intp),
        begins=np.array(begins, dtype="datetime64[us]"),
        **{name: np.array(values, dtype=np.float64) for name, values in columns.items()},
    )
    return Minutes(table=table, refused=tuple(refused))


def _read_action(kind: CorporateActionsType, row: object) -> CorporateAction:
    try:
        fields = _as_object(row)
        day = date.fromisoformat(str(fields.get("ex_date")))
        if kind is CorporateActionsType.CASH_DIVIDEND:
            value, is_a = _number(fields, "rate"), ActionKind.DIVIDEND
        else:
            value, is_a = _number(fields, "new_rate") / _number(fields, "old_rate"), ActionKind.SPLIT
        return CorporateAction(ticker=from_wire(str(fields.get("symbol"))), ex_date=day, kind=is_a, value=value)
    except (ValueError, ZeroDivisionError) as error:
        raise DataCorrupt(f"corporate actions: {error}") from error


def _read_rename(row: object) -> Rename | None:
    try:
        fields = _as_object(row)
        day = date.fromisoformat(str(fields.get("process_date")))
    except ValueError as error:
        raise DataCorrupt(f"name changes: {error}") from error
    old, new = (from_wire(str(fields.get(name))) for name in ("old_symbol", "new_symbol"))
    if old == new or not (TICKER.fullmatch(old) and TICKER.fullmatch(new)):
        return None
    return Rename(old=old, new=new, on=day)


def read_story(row: object, seen_at: datetime) -> NewsItem | None:
    """A story as the news service sends it, stamped as seen; None without a headline. DataCorrupt for nonsense."""
    try:
        fields = _as_object(row)
        headline = str(fields.get("headline") or "").strip()
        if not headline:
            _log.info("story without a headline left out", story=fields.get("id"))
            return None
        symbols = fields.get("symbols")
        return NewsItem(
            id=f"alpaca:{_story_number(fields)}",
            headline=headline,
            summary=str(fields.get("summary") or ""),
            source=str(fields.get("source") or "alpaca"),
            url=str(fields.get("url") or ""),
            published_at=min(_instant(fields, "created_at"), seen_at),
            known_at=seen_at,
            precision=TimePrecision.INSTANT,
            tickers=tuple(from_wire(str(symbol)) for symbol in symbols) if isinstance(symbols, list) else (),
        )
    except ValueError as error:
        raise DataCorrupt(f"news: {error}") from error


def _story_number(fields: Mapping[str, object]) -> int:
    value = fields.get("id")
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unreadable(f"`id` must be a whole number, was {value!r}")
    return value


def _read_prices(answer: Mapping[str, object]) -> Iterable[tuple[str, Decimal]]:
    for symbol, trade in answer.items():
        try:
            price = _number(_as_object(trade), "p")
        except ValueError as error:
            raise DataCorrupt(f"latest price of {symbol}: {error}") from error
        if price > 0:
            yield from_wire(symbol), Decimal(str(price))


def _instant(fields: Mapping[str, object], name: str) -> datetime:
    value = datetime.fromisoformat(str(fields.get(name)))
    if value.tzinfo is None:
        raise Unreadable(f"`{name}` must carry a zone, was {value!r}")
    if not FIRST_DAY <= value.date() <= LAST_DAY:
        raise Unreadable(f"`{name}` must lie in {FIRST_DAY}..{LAST_DAY}, was {value!r}")
    return value.astimezone(UTC)


def _number(fields: Mapping[str, object], name: str) -> float:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Unreadable(f"`{name}` must be a number, was {value!r}")
    return float(value)
