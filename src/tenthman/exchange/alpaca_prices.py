"""Alpaca's JSON shapes of market data: bars, trades, quotes, halts and dividends. Pure."""

import uuid
from datetime import date, datetime
from decimal import Decimal

from tenthman.exchange.alpaca_wire import ASSETS, Json, stamp
from tenthman.exchange.intraday import WireBar
from tenthman.exchange.orders import ShareSplit, SymbolChange
from tenthman.utils.symbols import to_wire


def bar_body(bar: WireBar) -> Json:
    """A bar; `n`, the number of trades, is one a minute."""
    return {
        "t": stamp(bar.begin),
        "o": bar.open,
        "h": bar.high,
        "l": bar.low,
        "c": bar.close,
        "v": bar.volume,
        "n": bar.minutes,
        "vw": bar.mean,
    }


def trade_body(price: Decimal, at: datetime) -> Json:
    """The last trade: the path price now."""
    return {"t": stamp(at), "x": "V", "p": float(price), "s": 100, "i": 1, "c": ["@"], "z": "A"}


def quote_body(price: Decimal, at: datetime) -> Json:
    """The quote: bid and ask both at the path price; what a spread costs is charged inside the fills."""
    side = float(price)
    return {
        "t": stamp(at),
        "bx": "V",
        "bp": side,
        "bs": 100,
        "ax": "V",
        "ap": side,
        "as": 100,
        "c": ["R"],
        "z": "A",
    }


def status_message(symbol: str, *, is_halted: bool, at: datetime) -> Json:
    """A trading status on the market-data websocket."""
    code, message = ("H", "Trading Halt") if is_halted else ("T", "Trading Resumption")
    return {"T": "s", "S": symbol, "sc": code, "sm": message, "rc": "", "rm": "", "t": at, "z": "A"}


def split_body(split: ShareSplit) -> Json:
    """A forward or a reverse split on its ex-date."""
    day, symbol = split.session.isoformat(), to_wire(split.symbol)
    body = {
        "id": str(uuid.uuid5(ASSETS, f"split/{split.symbol}/{day}/{split.new_rate}/{split.old_rate}")),
        "symbol": symbol,
        "new_rate": split.new_rate,
        "old_rate": split.old_rate,
        "process_date": day,
        "ex_date": day,
        "record_date": day,
        "payable_date": day,
    }
    return {**body, "cusip": ""} if split.new_rate > split.old_rate else {**body, "old_cusip": "", "new_cusip": ""}


def name_change_body(change: SymbolChange) -> Json:
    """A rename on the day from which on it counts."""
    day = change.session.isoformat()
    return {
        "id": str(uuid.uuid5(ASSETS, f"name/{change.old}/{change.new}/{day}")),
        "old_symbol": to_wire(change.old),
        "old_cusip": "",
        "new_symbol": to_wire(change.new),
        "new_cusip": "",
        "process_date": day,
    }


def cash_dividend_body(symbol: str, session: date, per_share: float) -> Json:
    """A cash dividend that is paid on its ex-date, as this exchange pays."""
    day = session.isoformat()
    return {
        "id": str(uuid.uuid5(ASSETS, f"dividend/{symbol}/{day}")),
        "symbol": to_wire(symbol),
        "cusip": "",
        "rate": per_share,
        "special": False,
        "foreign": False,
        "process_date": day,
        "ex_date": day,
        "record_date": day,
        "payable_date": day,
    }
