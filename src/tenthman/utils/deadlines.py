"""Time-outs for libraries that send through a `requests.Session` and set none, and no proxy for this machine."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class DeadlineAdapter(HTTPAdapter):
    """Gives each request without a time-out this one, in seconds for connecting and for each wait on an answer.

    A proxy named in the environment is not asked for addresses of this machine.
    """

    def __init__(self, connect_s: float, read_s: float) -> None:
        self._default = (connect_s, read_s)
        super().__init__()

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,
        verify: bool | str = True,
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """As HTTPAdapter.send, never without a time-out."""
        chosen = self._default if timeout is None else timeout
        is_here = urlsplit(request.url or "").hostname in _LOOPBACK
        return super().send(
            request, stream=stream, timeout=chosen, verify=verify, cert=cert, proxies=None if is_here else proxies
        )


def set_deadlines(session: requests.Session, connect_s: float, read_s: float) -> None:
    """Make every request of `session` give up: `connect_s` to connect, `read_s` of silence while reading."""
    for scheme in ("http://", "https://"):
        session.mount(scheme, DeadlineAdapter(connect_s, read_s))
