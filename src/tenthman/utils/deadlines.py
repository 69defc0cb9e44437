"""Time-outs for libraries that send through a `requests.Session` and set none, and no proxy for this machine."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.poolmanager import ProxyManager

from tenthman.utils.bounded import bounded_pools

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
"""Hosts that are this machine."""


class DeadlineAdapter(HTTPAdapter):
    """Gives each request without a time-out this one, in seconds for connecting and for each wait on an answer.

    From being sent until its answer is read a request takes `whole_s` at most, though a byte come now and then; beyond
    that the error is the one of silence. A proxy named in the environment is not asked for addresses of this machine.
    """

    def __init__(self, connect_s: float, read_s: float, whole_s: float) -> None:
        self._default = (connect_s, read_s)
        self._pools = bounded_pools(whole_s)
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """As HTTPAdapter.init_poolmanager, with bounded connections."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **options: Any) -> ProxyManager:
        """As HTTPAdapter.proxy_manager_for, with bounded connections."""
        manager: ProxyManager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = self._pools
        return manager

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
        is_here = urlsplit(request.url or "").hostname in LOOPBACK
        return super().send(
            request, stream=stream, timeout=chosen, verify=verify, cert=cert, proxies=None if is_here else proxies
        )


def set_deadlines(session: requests.Session, connect_s: float, read_s: float, whole_s: float) -> None:
    """Make every request of `session` give up: `connect_s` to connect, `read_s` of silence, `whole_s` in all."""
    for scheme in ("http://", "https://"):
        session.mount(scheme, DeadlineAdapter(connect_s, read_s, whole_s))
