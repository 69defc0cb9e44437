"""GET /v2/account/portfolio/history: what the account was worth, by day or within days.

Within days the book of each instant is put together again from fills, dividends and splits, and valued at path prices.
"""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from tenthman.domain.market import NEW_YORK, SessionHours
from tenthman.domain.order import Side
from tenthman.exchange import alpaca_requests as ask
from tenthman.exchange import alpaca_wire as wire
from tenthman.exchange.alpaca_trading import Call, Reply
from tenthman.exchange.market import ReplayExchange
from tenthman.exchange.orders import Code, Refusal

_PERIOD = re.compile(r"(\d{1,4})([DWMA])")
_DAYS = {"D": 1, "W": 7, "M": 30, "A": 365}
_MINUTES = {"1Min": 1, "5Min": 5, "15Min": 15, "1H": 60}
_INTRADAY_DAYS = 30
_DEFAULT = "1M"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    first: datetime
    last: datetime
    timeframe: str
    resets_daily: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Point:
    begin: datetime
    session: date
    equity: Decimal


def get_portfolio_history(exchange: ReplayExchange, call: Call) -> Reply:
    """GET /v2/account/portfolio/history, of the core session; profit counts from the close before the first point."""
    asked = _read(exchange, call.query)
    closes = exchange.equity_at_closes()
    points = list(_daily(exchange, closes, asked) if asked.timeframe == "1D" else _intraday(exchange, asked))
    opening = points[0].session if points else exchange.now.astimezone(NEW_YORK).date()
    base_day, base = _close_before(closes, opening, exchange.starting_cash)
    gains = [
        point.equity - (_close_before(closes, point.session, exchange.starting_cash)[1] if asked.resets_daily else base)
        for point in points
    ]
    body: dict[str, object] = {
        "timestamp": [int(point.begin.timestamp()) for point in points],
        "equity": [float(point.equity) for point in points],
        "profit_loss": [float(gain) for gain in gains],
        "profit_loss_pct": [float(gain / base) if base else 0.0 for gain in gains],
        "base_value": float(base),
        "timeframe": asked.timeframe,
        "cashflow": _cashflow(exchange, points, call.query.get("cashflow_types", "ALL")),
    }
    if base_day is not None:
        body["base_value_asof"] = base_day.isoformat()
    return Reply(body=body)


def _read(exchange: ReplayExchange, query: Mapping[str, str]) -> _Asked:
    start, end = ask.read_instant(query, "start"), ask.read_instant(query, "end")
    period = query.get("period", "")
    if period and start is not None and end is not None:
        raise ask.invalid("only two of start, end and period can be given")
    for name, options in (("intraday_reporting", ("market_hours",)), ("extended_hours", ("false",))):
        if query.get(name, options[0]).lower() not in options:
            raise Refusal(422, Code.RULE, f"{name} must be {options[0]}: this exchange has the core session only")
    found = _PERIOD.fullmatch(period or _DEFAULT)
    if found is None:
        raise ask.invalid(f"period must be a number and D, W, M or A, was {ascii(period)[:80]}")
    length = timedelta(days=int(found[1]) * _DAYS[found[2]])
    if start is not None and end is None and period:
        end = start + length
    last = min(end or exchange.now, exchange.now)
    first = start or last - length
    days = (last - first).days
    timeframe = query.get("timeframe") or ("1Min" if days < 7 else "15Min" if days < _INTRADAY_DAYS else "1D")
    if timeframe not in (*_MINUTES, "1D"):
        raise ask.invalid(f"timeframe must be one of {', '.join(_MINUTES)}, 1D, was {ascii(timeframe)[:80]}")
    if timeframe != "1D" and days > _INTRADAY_DAYS:
        raise ask.invalid(f"timeframe must be 1D for more than {_INTRADAY_DAYS} days, were {days}")
    resets = ask.read_option(query, "pnl_reset", ("per_day", "no_reset")) == "per_day"
    return _Asked(first=first, last=last, timeframe=timeframe, resets_daily=resets and timeframe != "1D")


def _daily(exchange: ReplayExchange, closes: Sequence[tuple[date, Decimal]], asked: _Asked) -> Iterator[_Point]:
    """Closes, and the equity now where the session of now has not closed; stamped with midnight in New York."""
    first, last = (at.astimezone(NEW_YORK).date() for at in (asked.first, asked.last))
    for session, equity in closes:
        if first <= session <= last:
            yield _Point(begin=wire.midnight(session), session=session, equity=equity)
    today = exchange.calendar(last, last)
    if today and today[0].open_at <= asked.last < today[0].close_at:
        equity = _Books(exchange).equity_at(asked.last)
        yield _Point(begin=wire.midnight(last), session=last, equity=equity)


def _intraday(exchange: ReplayExchange, asked: _Asked) -> Iterator[_Point]:
    step = timedelta(minutes=_MINUTES[asked.timeframe])
    books = _Books(exchange)
    first, last = (at.astimezone(NEW_YORK).date() for at in (asked.first, asked.last))
    for session in exchange.calendar(first, last):
        for begin, end in _windows(session, step):
            if begin >= asked.first and end <= asked.last:
                yield _Point(begin=begin, session=session.session, equity=books.equity_at(end))


def _windows(session: SessionHours, step: timedelta) -> Iterator[tuple[datetime, datetime]]:
    begin = session.open_at
    while begin < session.close_at:
        yield begin, min(begin + step, session.close_at)
        begin += step


class _Books:
    """The account's cash and shares at any instant up to now."""

    def __init__(self, exchange: ReplayExchange) -> None:
        self._exchange = exchange
        cash = exchange.starting_cash
        shares: defaultdict[str, Decimal] = defaultdict(Decimal)
        changes: list[tuple[datetime, str, Decimal, Decimal]] = [
            (payment.paid_at, payment.symbol, Decimal(0), payment.amount) for payment in exchange.dividends()
        ]
        changes += [(split.at, split.symbol, split.gained, split.paid) for split in exchange.splits()]
        for fill in exchange.fills():
            signed = fill.quantity if fill.side is Side.BUY else -fill.quantity
            changes.append((fill.filled_at, fill.ticker, signed, -signed * fill.price))
        self._instants: list[datetime] = []
        self._states: list[tuple[Decimal, dict[str, Decimal]]] = [(cash, {})]
        for at, symbol, quantity, paid in sorted(changes, key=lambda change: change[0]):
            cash += paid
            shares[symbol] += quantity
            self._instants.append(at)
            self._states.append((cash, {name: held for name, held in shares.items() if held}))

    def equity_at(self, at: datetime) -> Decimal:
        """Cash and shares at path prices, USD."""
        cash, shares = self._states[bisect_right(self._instants, at)]
        return cash + sum((held * (self._exchange.price(name, at) or 0) for name, held in shares.items()), Decimal(0))


def _close_before(
    closes: Sequence[tuple[date, Decimal]], session: date, starting_cash: Decimal
) -> tuple[date | None, Decimal]:
    place = bisect_right(closes, session, key=lambda close: close[0] + timedelta(days=1))
    return closes[place - 1] if place else (None, starting_cash)


def _cashflow(exchange: ReplayExchange, points: Sequence[_Point], types: str) -> dict[str, list[float]]:
    """Dividends by point: what was paid from the beginning of its window to the next one's."""
    if "DIV" not in types.upper().split(",") and types.upper() != "ALL":
        return {}
    paid = [0.0] * len(points)
    begins = [point.begin for point in points]
    for payment in exchange.dividends():
        place = bisect_right(begins, payment.paid_at) - 1
        if place >= 0:
            paid[place] += float(payment.amount)
    return {"DIV": paid} if any(paid) else {}
