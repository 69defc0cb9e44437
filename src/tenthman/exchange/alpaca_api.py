"""The exchange as a web application that speaks Alpaca's wire, and a control of its clock and of what goes wrong.

Any number of accounts, each with keys of its own, one virtual clock. Calls are answered one after the other.
"""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Route, WebSocketRoute

from tenthman.exchange.alpaca_control import Control
from tenthman.exchange.alpaca_edge import Edge
from tenthman.exchange.alpaca_feeds import MARKET_CHANNELS, NEWS_CHANNELS, Feed
from tenthman.exchange.alpaca_routes import ENDPOINTS
from tenthman.exchange.alpaca_stream import Broadcaster, StreamDoor
from tenthman.exchange.clockwork import Clockwork
from tenthman.exchange.state import State


class ServedExchange:
    """The application `app`, and the `control` through which its owner moves time in the same process.

    `control_token` is what the clock's owner must send; `state`, where there is one, keeps what happens.
    """

    def __init__(self, clockwork: Clockwork, control_token: str, state: State | None = None) -> None:
        self.edge = Edge(clockwork.venue, control_token, state)
        feeds = Feed(MARKET_CHANNELS, self._are_keys), Feed(NEWS_CHANNELS, self._are_keys)
        self.control = Control(clockwork, self.edge.faults, feeds, state)
        for account in clockwork.venue.accounts:
            account.stream.told_as = self.edge.faults.events
        routes: list[BaseRoute] = [
            Route(endpoint.path, self.edge.trader(endpoint), methods=[endpoint.method]) for endpoint in ENDPOINTS
        ]
        routes += [
            Route("/control/advance", self.edge.controller(self.control.advance), methods=["POST"]),
            Route("/control/health", self.edge.controller(self.control.health), methods=["GET"]),
            Route("/control/faults", self.edge.controller(self.control.get_faults), methods=["GET"]),
            Route("/control/faults", self.edge.controller(self.control.post_fault), methods=["POST"]),
            Route("/control/faults", self.edge.controller(self.control.delete_faults), methods=["DELETE"]),
            Route("/control/incidents", self.edge.controller(self.control.post_incident), methods=["POST"]),
            Route("/control/cut", self.edge.controller(self.control.cut), methods=["POST"]),
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
