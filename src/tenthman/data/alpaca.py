"""Bars, headlines and last prices through alpaca-py: from Alpaca, or from anything that speaks its wire."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TypeVar
from zoneinfo import ZoneInfo

import requests
import structlog
from alpaca.common.enums import Sort
from alpaca.common.exceptions import APIError
from alpaca.data.enums import Adjustment
from alpaca.data.historical import NewsClient, StockHistoricalDataClient
from alpaca.data.requests import NewsRequest, StockBarsRequest, StockLatestTradeRequest
from alpaca.data.timeframe import TimeFrame

from tenthman.config import BrokerSettings
from tenthman.domain.errors import BrokerUnavailable, DataCorrupt, SetupError
from tenthman.domain.market import Bar
from tenthman.domain.news import NewsItem, TimePrecision
from tenthman.utils.deadlines import set_deadlines
from tenthman.utils.symbols import from_wire, to_wire

_log = structlog.get_logger(__name__)

_NEW_YORK = ZoneInfo("America/New_York")

AnswerT = TypeVar("AnswerT")


class _Unreadable(ValueError):
    """A field is missing or is not what it must be."""


class _TimedBars(StockHistoricalDataClient):
    """alpaca-py sets no time-out and offers no public way to its session; a subclass may reach it."""

    def __init__(self, url: str | None, key: str, secret: str, settings: BrokerSettings) -> None:
        super().__init__(api_key=key, secret_key=secret, raw_data=True, url_override=url)
        set_deadlines(self._session, settings.connect_timeout_s, settings.read_timeout_s)


class _TimedNews(NewsClient):
    """As `_TimedBars`."""

    def __init__(self, url: str | None, key: str, secret: str, settings: BrokerSettings) -> None:
        super().__init__(api_key=key, secret_key=secret, raw_data=True, url_override=url)
        set_deadlines(self._session, settings.connect_timeout_s, settings.read_timeout_s)


class AlpacaMarketSource:
    """Market data as of the moment of asking: everything is stamped `known_at = seen_at`.

    `data_url` None means Alpaca's own. BrokerUnavailable: no answer. SetupError: keys refused. DataCorrupt: an answer
    that contradicts itself.
    """

    def __init__(self, data_url: str | None, key: str, secret: str, settings: BrokerSettings) -> None:
        self._stocks = _TimedBars(data_url, key, secret, settings)
        self._stories = _TimedNews(data_url, key, secret, settings)

    def bars(self, tickers: Sequence[str], first: date, last: date, seen_at: datetime) -> list[Bar]:
        """Split-adjusted daily bars of the sessions `first`..`last`, by ticker and session; unknown tickers are absent.

        A daily bar is stamped with midnight in New York, which is how its session is told.
        """
        if not tickers:
            return []
        request = StockBarsRequest(
            symbol_or_symbols=[to_wire(ticker) for ticker in tickers],
            timeframe=TimeFrame.Day,
            start=_midnight(first),
            end=_midnight(last),
            adjustment=Adjustment.SPLIT,
        )
        answer = _ask("bars", lambda: _as_object(self._stocks.get_stock_bars(request)))
        bars = [
            _read_bar(from_wire(symbol), row, seen_at)
            for symbol, rows in answer.items()
            for row in _as_list(symbol, rows)
        ]
        return sorted(bars, key=lambda bar: (bar.ticker, bar.session))

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
    except ValueError as error:
        raise DataCorrupt(f"{what}: the answer is unreadable: {error}") from error


def _midnight(session: date) -> datetime:
    return datetime.combine(session, time(), tzinfo=_NEW_YORK).astimezone(UTC)


def _as_object(answer: object) -> Mapping[str, object]:
    if not isinstance(answer, dict):
        raise _Unreadable(f"must be an object, was {type(answer).__name__}")
    return answer


def _as_list(name: str, rows: object) -> list[object]:
    if not isinstance(rows, list):
        raise DataCorrupt(f"`{name}` must be a list, was {type(rows).__name__}")
    return rows


def _read_bar(ticker: str, row: object, seen_at: datetime) -> Bar:
    try:
        fields = _as_object(row)
        return Bar(
            ticker=ticker,
            session=_instant(fields, "t").astimezone(_NEW_YORK).date(),
            open=_number(fields, "o"),
            high=_number(fields, "h"),
            low=_number(fields, "l"),
            close=_number(fields, "c"),
            volume=_number(fields, "v"),
            known_at=seen_at,
        )
    except ValueError as error:
        raise DataCorrupt(f"bars of {ticker}: {error}") from error


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
        raise _Unreadable(f"`id` must be a whole number, was {value!r}")
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
        raise _Unreadable(f"`{name}` must carry a zone, was {value!r}")
    return value


def _number(fields: Mapping[str, object], name: str) -> float:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _Unreadable(f"`{name}` must be a number, was {value!r}")
    return float(value)
