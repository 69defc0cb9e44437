"""A broker on trial: it is sent what the desk itself never sends."""

from collections.abc import Mapping

import requests
from alpaca.common.exceptions import APIError

from tenthman.domain.errors import OrderOutcomeUnknown, OrderRejected
from tenthman.domain.order import BrokerOrder
from tenthman.execution.answers import read_order, read_row
from tenthman.execution.client import AlpacaBroker


class TrialBroker(AlpacaBroker):
    """Takes any order in Alpaca's own words, which no risk rule has seen. Only `tenthman broker check` holds one."""

    def place(self, body: Mapping[str, object]) -> BrokerOrder:
        """Send `body`, named by its `client_order_id`. OrderRejected; OrderOutcomeUnknown where no answer came."""
        what = f"order {body['client_order_id']}"
        try:
            return read_order(read_row(self._client.post("/orders", dict(body))))
        except APIError as error:
            raise OrderRejected(f"{what}: the broker refused: {self._refused(what, error)}") from error
        except (requests.RequestException, ValueError) as error:
            raise OrderOutcomeUnknown(f"{what}: no answer that can be read: {type(error).__name__}") from error
