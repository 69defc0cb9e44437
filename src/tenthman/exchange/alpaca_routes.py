"""Which address asks what: every call that a trader may make, and which limit counts it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tenthman.exchange import alpaca_account as account
from tenthman.exchange import alpaca_bars as bars
from tenthman.exchange import alpaca_data as data
from tenthman.exchange import alpaca_history as history
from tenthman.exchange import alpaca_positions as positions
from tenthman.exchange import alpaca_trading as trading
from tenthman.exchange import yahoo_chart
from tenthman.exchange.accounts import TradingAccount
from tenthman.exchange.alpaca_trading import Call, Reply
from tenthman.exchange.market import ReplayExchange
from tenthman.exchange.renaming import inward, outward

Handler = Callable[[TradingAccount, Call], Reply]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One call: its method, its address with the names in it, what answers, and the limit that counts it.

    One that `is_open` asks for no keys: it is the first account's. `names`: which names of what was renamed it is asked
    by, those of today or any that there ever was; or it gets them as they are asked, and reads them itself.
    """

    method: str
    path: str
    handler: Handler
    service: Literal["trading", "data"] = "trading"
    is_open: bool = False
    names: Literal["today", "ever", "as asked"] = "today"

    @property
    def may_change(self) -> bool:
        """Whether the call may change the account, and so is kept where state is kept."""
        return self.method != "GET"

    def answer(self, holder: TradingAccount, call: Call) -> Reply:
        """What `handler` says, in the names that symbols have on the wire."""
        changes = holder.exchange.symbol_changes()
        if self.names == "as asked" or not changes:
            return self.handler(holder, call)
        reply = self.handler(holder, inward(changes, call, keeps_old=self.names == "ever"))
        return Reply(status=reply.status, body=outward(changes, reply.body))


def _on_exchange(handler: Callable[[ReplayExchange, Call], Reply]) -> Handler:
    def answer(holder: TradingAccount, call: Call) -> Reply:
        return handler(holder.exchange, call)

    return answer


def _trading(method: str, path: str, handler: Callable[[ReplayExchange, Call], Reply]) -> Endpoint:
    return Endpoint(method=method, path=path, handler=_on_exchange(handler))


def _data(
    path: str,
    handler: Callable[[ReplayExchange, Call], Reply],
    names: Literal["today", "ever", "as asked"] = "today",
    *,
    is_open: bool = False,
) -> Endpoint:
    answer = _on_exchange(handler)
    return Endpoint(method="GET", path=path, handler=answer, service="data", is_open=is_open, names=names)


# In the order in which they are looked through: what is asked all the time comes first.
ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(method="POST", path="/v2/orders", handler=account.post_order),
    _trading("DELETE", "/v2/orders/{order_id}", trading.delete_order),
    _trading("GET", "/v2/account", account.get_account),
    _trading("GET", "/v2/clock", trading.get_clock),
    _trading("GET", "/v2/orders/{order_id}", trading.get_order),
    _trading("GET", "/v2/orders", trading.get_orders),
    _trading("DELETE", "/v2/orders", trading.delete_orders),
    _trading("PATCH", "/v2/orders/{order_id}", trading.patch_order),
    _trading("GET", "/v2/orders:by_client_order_id", trading.get_order_by_client_id),
    Endpoint(method="GET", path="/v2/account/configurations", handler=account.get_configurations),
    Endpoint(method="PATCH", path="/v2/account/configurations", handler=account.patch_configurations),
    _trading("GET", "/v2/account/portfolio/history", history.get_portfolio_history),
    _trading("GET", "/v2/account/activities", account.get_activities),
    _trading("GET", "/v2/account/activities/{kind}", account.get_activities),
    _trading("GET", "/v2/calendar", trading.get_calendar),
    _trading("GET", "/v2/positions", positions.get_positions),
    _trading("DELETE", "/v2/positions", positions.delete_positions),
    _trading("GET", "/v2/positions/{symbol}", positions.get_position),
    _trading("DELETE", "/v2/positions/{symbol}", positions.delete_position),
    _trading("GET", "/v2/assets", positions.get_assets),
    _trading("GET", "/v2/assets/{symbol}", positions.get_asset),
    _data("/v2/stocks/bars", bars.get_bars, "as asked"),
    _data("/v2/stocks/bars/latest", data.get_latest_bars),
    _data("/v2/stocks/quotes/latest", data.get_latest_quotes),
    _data("/v2/stocks/trades/latest", data.get_latest_trades),
    _data("/v2/stocks/snapshots", data.get_snapshots),
    _data("/v2/stocks/{symbol}/bars", bars.get_symbol_bars, "as asked"),
    _data("/v2/stocks/{symbol}/bars/latest", data.get_symbol_latest_bar),
    _data("/v2/stocks/{symbol}/quotes/latest", data.get_symbol_latest_quote),
    _data("/v2/stocks/{symbol}/trades/latest", data.get_symbol_latest_trade),
    _data("/v2/stocks/{symbol}/snapshot", data.get_symbol_snapshot),
    _data("/v1/corporate-actions", data.get_corporate_actions, "ever"),
    _data("/v1beta1/news", data.get_news),
    _data("/v8/finance/chart/{symbol}", yahoo_chart.get_chart, "as asked", is_open=True),
)


def endpoint_of(method: str, path: str) -> Endpoint:
    """The call of that method and address; KeyError when there is none."""
    for endpoint in ENDPOINTS:
        if (endpoint.method, endpoint.path) == (method, path):
            return endpoint
    raise KeyError(f"{method} {path}")
