"""Small synthetic markets for tests: bars written down by hand or drawn by a strategy, on a plain weekday calendar."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from tenthman.domain.market import (
    Listing,
    MarketData,
    MarketKind,
    Panel,
    Provenance,
    SessionHours,
    Universe,
)
from tenthman.domain.news import NewsItem

INDEX = "SPY"
FIRST_SESSION = date(2020, 1, 6)
NEW_YORK = ZoneInfo("America/New_York")

OHLC = tuple[float, float, float, float]
HALT: OHLC = (float("nan"),) * 4
FLAT: OHLC = (300.0, 300.0, 300.0, 300.0)


def weekdays(count: int, first: date = FIRST_SESSION) -> tuple[date, ...]:
    """`count` weekdays from `first` on; holidays are not known here."""
    days = (first + timedelta(days=offset) for offset in range(2 * count + 7))
    return tuple([day for day in days if day.weekday() < 5][:count])


def session_hours(day: date, closes: time = time(16)) -> SessionHours:
    """A session from 09:30 New York time."""
    opens = datetime.combine(day, time(9, 30), NEW_YORK).astimezone(UTC)
    return SessionHours(session=day, open_at=opens, close_at=datetime.combine(day, closes, NEW_YORK).astimezone(UTC))


def small_market(
    bars: Mapping[str, Sequence[OHLC]],
    *,
    headlines: Sequence[NewsItem] = (),
    sessions_beyond: int = 2,
    early_closes: Sequence[date] = (),
    dividends: Mapping[str, Mapping[int, float]] | None = None,
) -> MarketData:
    """A market of (open, high, low, close) bars, one sequence a ticker, from 2020-01-06 on.

    All sequences have one length; HALT stands for a session without a bar. The index SPY is added, flat at 300, when
    it is not given. `sessions_beyond` sessions follow the last bar. `dividends` are USD a share by ticker and row.
    """
    table = {ticker: list(rows) for ticker, rows in bars.items()}
    length = len(next(iter(table.values())))
    table.setdefault(INDEX, [FLAT] * length)
    tickers = tuple(table)
    values = np.array([table[ticker] for ticker in tickers], dtype=np.float64)
    days = weekdays(length + sessions_beyond)

    def field(number: int) -> np.ndarray:
        return np.ascontiguousarray(values[:, :, number].T)

    close = field(3)
    panel = Panel(
        sessions=np.array(days[:length], dtype="datetime64[D]"),
        tickers=tickers,
        open=field(0),
        high=field(1),
        low=field(2),
        close=close,
        volume=np.where(np.isnan(close), np.nan, 1_000_000.0),
    )
    paid = None if dividends is None else np.zeros(close.shape)
    for ticker, amounts in (dividends or {}).items():
        for row, amount in amounts.items():
            assert paid is not None
            paid[row, tickers.index(ticker)] = amount
    return MarketData(
        dividends=paid,
        provenance=Provenance(
            kind=MarketKind.PRACTICE,
            name="small",
            description="bars written for a test",
            source="test",
            price_basis="as written",
            licence="none",
            content_hash="0" * 64,
        ),
        panel=panel,
        hours=tuple(session_hours(day, time(13) if day in early_closes else time(16)) for day in days),
        headlines=tuple(headlines),
        universe=Universe(listings=tuple(_listing(ticker) for ticker in tickers), index_ticker=INDEX),
    )


def at(market: MarketData, row: int, fraction: float) -> datetime:
    """The moment at `fraction` of session `row`."""
    hours = market.hours[row]
    return hours.open_at + (hours.close_at - hours.open_at) * fraction


def _listing(ticker: str) -> Listing:
    return Listing(
        ticker=ticker,
        name=f"{ticker} Inc",
        issuer=ticker,
        sector="Test",
        aliases=(),
        member_from=date(2000, 1, 3),
        member_to=None,
    )
