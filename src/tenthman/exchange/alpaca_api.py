"""The exchange as a web application that speaks Alpaca's wire, and a control of its clock and of what goes wrong.

Any number of accounts, each with keys of its own, one virtual clock. Calls are answered one after the other.
"""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Route, WebSocketRoute

from tenthman.exchange.alpaca_control import Control
from tenthman.exchange.alpaca_edge import ControlCall, Edge, TraderCall
from tenthman.exchange.alpaca_feeds import MARKET_CHANNELS, NEWS_CHANNELS, UNLIMITED, Feed, Plan
from tenthman.exchange.alpaca_routes import ENDPOINTS
from tenthman.exchange.alpaca_stream import Broadcaster, StreamDoor
from tenthman.exchange.clockwork import Clockwork
from tenthman.exchange.state import State


class ServedExchange:
    """The application `app`, and the `control` through which its owner moves time in the same process.

    `control_token` is what the clock's owner must send; `state`, where there is one, keeps what happens. `plan` limits
    the websockets of market data and news.
    """

    def __init__(
        self, clockwork: Clockwork, control_token: str, state: State | None = None, plan: Plan = UNLIMITED
    ) -> None:
        self.edge = Edge(clockwork.venue, control_token, state)
        feeds = Feed(MARKET_CHANNELS, self._are_keys, plan), Feed(NEWS_CHANNELS, self._are_keys, plan)
        self.control = Control(clockwork, self.edge.faults, feeds, state)
        for account in clockwork.venue.accounts:
            account.stream.told_as = self.edge.faults.events
        routes: list[BaseRoute] = [
            Route(endpoint.path, TraderCall(self.edge, endpoint), methods=[endpoint.method]) for endpoint in ENDPOINTS
        ]
        controls = (
            ("POST", "advance", self.control.advance),
            ("GET", "health", self.control.health),
            ("GET", "faults", self.control.get_faults),
            ("POST", "faults", self.control.post_fault),
            ("DELETE", "faults", self.control.delete_faults),
            ("POST", "incidents", self.control.post_incident),
            ("POST", "cut", self.control.cut),
        )
        routes += [
            Route(f"/control/{name}", ControlCall(self.edge, handler), methods=[method])
            for method, name, handler in controls
        ]
        routes += [
            WebSocketRoute("/stream", StreamDoor(self._stream_of).serve),
            WebSocketRoute("/v1beta1/news", feeds[1].serve),
            WebSocketRoute("/v2/{feed}", feeds[0].serve),
        ]
        self.app = Starlette(routes=routes, exception_handlers={HTTPException: self.edge.no_route})

    def _are_keys(self, key: object, secret: object) -> bool:
        return self.edge.venue.holder(key, secret) is not None

    def _stream_of(self, key: object, secret: object) -> Broadcaster | None:
        account = self.edge.venue.holder(key, secret)
        return None if account is None else account.stream
