"""The trading half of the wire: the account, its settings, its activities and its history."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from tenthman.domain.order import Fill
from tenthman.exchange import alpaca_requests as ask
from tenthman.exchange import alpaca_trading as trading
from tenthman.exchange import alpaca_wire as wire
from tenthman.exchange.accounts import TradingAccount
from tenthman.exchange.alpaca_trading import Call, Reply, window
from tenthman.exchange.alpaca_wire import Json
from tenthman.exchange.market import ReplayExchange
from tenthman.exchange.orders import Code, Refusal

_FLAGS = ("suspend_trade", "fractional_trading", "ptp_no_exception_entry", "disable_overnight_trading")
_DROPPED = ("dtbp_check", "pdt_check")
_FIXED: Mapping[str, object] = {"no_shorting": True, "max_margin_multiplier": "1", "max_options_trading_level": 0}


def get_account(exchange: ReplayExchange, _: Call) -> Reply:
    """GET /v2/account."""
    return Reply(body=wire.account_body(exchange.account(), exchange.now, exchange.market.hours[0].open_at))


def get_configurations(account: TradingAccount, _: Call) -> Reply:
    """GET /v2/account/configurations."""
    return Reply(body=wire.settings_body(account.settings))


def patch_configurations(account: TradingAccount, call: Call) -> Reply:
    """PATCH /v2/account/configurations: all or nothing of what is not null; what Alpaca dropped is ignored."""
    changes: dict[str, bool | str] = {}
    given = {name: value for name, value in call.body.items() if value is not None and name not in _DROPPED}
    for name, value in given.items():
        if name in _FIXED:
            _require_fixed(name, value)
        elif name == "trade_confirm_email":
            changes[name] = ask.read_one_of(name, value, ("all", "none"))
        elif name in _FLAGS:
            changes[name] = ask.read_bool(name, value)
        else:
            raise ask.invalid(f"unrecognised parameter {ascii(name)[:80]}")
    account.settings = account.settings.changed(changes)
    return Reply(body=wire.settings_body(account.settings))


def post_order(account: TradingAccount, call: Call) -> Reply:
    """POST /v2/orders, as far as the account's settings allow it."""
    if account.settings.suspend_trade:
        raise Refusal(403, Code.FORBIDDEN, "new orders are rejected by user request")
    quantity = ask.read_number("qty", call.body.get("qty"))
    is_fraction = call.body.get("notional") is not None or (quantity is not None and quantity % 1 != 0)
    if is_fraction and not account.settings.fractional_trading:
        raise Refusal(403, Code.FORBIDDEN, "fractional trading is disabled for this account")
    return trading.post_order(account.exchange, call)


def get_activities(exchange: ReplayExchange, call: Call) -> Reply:
    """GET /v2/account/activities[/{type}]: fills and dividends; the exchange has no other activity."""
    query = call.query
    kinds = (call.path.get("kind") or query.get("activity_types", "")).upper()
    size = ask.read_whole(query, "page_size", default=100, most=100)
    is_within = window(query)
    found: list[tuple[datetime, Json]] = []
    if _wants(kinds, query, "DIV", "non_trade_activity"):
        found += [(payment.paid_at, wire.dividend_body(payment)) for payment in exchange.dividends()]
    if _wants(kinds, query, "FILL", "trade_activity"):
        found += [(fill.filled_at, row) for fill, row in _fill_rows(exchange)]
    rows = [row for at, row in sorted(found, key=lambda item: item[0]) if is_within(at)]
    if ask.read_option(query, "direction", ("desc", "asc")) == "desc":
        rows.reverse()
    return Reply(body=_rows_after(rows, query.get("page_token", ""))[:size])


def _require_fixed(name: str, value: object) -> None:
    """A cash account without options can be told what it is, and nothing else."""
    if value != _FIXED[name]:
        raise Refusal(422, Code.RULE, f"{name} must be {_FIXED[name]!a} here, was {ascii(value)[:80]}")


def _wants(kinds: str, query: Mapping[str, str], kind: str, category: str) -> bool:
    """Whether activities of that kind are asked for: by its name, by its category, or with everything."""
    return (not kinds or kind in kinds.split(",")) and query.get("category", "") in ("", category)


def _rows_after(rows: list[Json], token: str) -> list[Json]:
    if not token:
        return rows
    place = next((place for place, row in enumerate(rows) if row["id"] == token), None)
    if place is None:
        raise ask.invalid("page_token is not the id of an activity")
    return rows[place + 1 :]


def _fill_rows(exchange: ReplayExchange) -> list[tuple[Fill, Json]]:
    filled: dict[str, Decimal] = defaultdict(Decimal)
    rows = []
    for fill in exchange.fills():
        filled[fill.broker_order_id] += fill.quantity
        order = exchange.order(fill.broker_order_id)
        rows.append((fill, wire.fill_body(fill, order, filled[fill.broker_order_id])))
    return rows
