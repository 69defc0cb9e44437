"""Waiting out a rate limit by what the server says of it."""

import math
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import requests

from tenthman.utils.deadlines import DeadlineAdapter

TRIES = 4
LONGEST_WAIT_S = 65.0
UNTOLD_WAIT_S = 3.0
"""How long to wait where the server refuses without saying until when."""


class PatientAdapter(DeadlineAdapter):
    """As DeadlineAdapter, and sends what a 429 refused again once the limit is lifted.

    When that is: `Retry-After` in seconds, or `X-RateLimit-Reset` (epoch seconds) against the server's own `Date`, so
    that a wrong clock on this side does no harm. After 4 sends the refusal stands.
    """

    def __init__(
        self, connect_s: float, read_s: float, whole_s: float, pause: Callable[[float], object] = time.sleep
    ) -> None:
        super().__init__(connect_s, read_s, whole_s)
        self._pause = pause

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        """As DeadlineAdapter.send."""
        for _ in range(TRIES - 1):
            response = super().send(request, *arguments, **options)
            if response.status_code != requests.codes.too_many_requests:
                return response
            response.close()
            self._pause(wait_of(response.headers))
        return super().send(request, *arguments, **options)


def wait_of(headers: Mapping[str, str]) -> float:
    """Seconds until the limit is lifted, from 0 to 65; 3 where the headers do not say."""
    try:
        if "Retry-After" in headers:
            told = float(headers["Retry-After"])
        else:
            told = float(headers["X-RateLimit-Reset"]) - parsedate_to_datetime(headers["Date"]).timestamp()
    except (KeyError, ValueError, TypeError, OverflowError):
        return UNTOLD_WAIT_S
    return UNTOLD_WAIT_S if math.isnan(told) else min(max(told, 0.0), LONGEST_WAIT_S)
