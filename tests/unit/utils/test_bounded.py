"""Calls with a time for the whole of them, through a proxy."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import requests
from requests.exceptions import ConnectTimeout, ProxyError, RequestException

from tenthman.utils.deadlines import set_deadlines


@contextmanager
def proxy(answer: bytes) -> Iterator[str]:
    """A proxy that gives one caller this answer and then says nothing until the caller leaves."""

    def serve(server: socket.socket) -> bytes:
        caller, _ = server.accept()
        with caller:
            caller.settimeout(5)
            asked = caller.recv(4096)
            caller.sendall(answer)
            while caller.recv(4096):
                pass
        return asked

    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        server.settimeout(5)
        served = pool.submit(serve, server)
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        assert served.result(5).startswith(b"CONNECT broker.invalid:443")


def call(address: str) -> None:
    with requests.Session() as session:
        set_deadlines(session, 2, 2, 0.3)
        session.get("https://broker.invalid/v2/account", proxies={"https": address})


def test_the_answer_of_a_proxy_that_is_asked_for_a_tunnel_is_read() -> None:
    with proxy(b"HTTP/1.1 403 Forbidden\r\n\r\n") as address, pytest.raises(ProxyError, match="403"):
        call(address)


def test_a_proxy_that_stops_in_the_midst_of_its_answer_is_not_waited_for_longer() -> None:
    begun = time.monotonic()
    with proxy(b"HTTP/1.1 200") as address, pytest.raises(RequestException, match="timed out"):
        call(address)
    assert time.monotonic() - begun < 1.5, "less than the silence of 2 s that is allowed"


def test_a_look_up_that_never_ends_is_given_up_like_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: ended.wait(20.0))
    with requests.Session() as session:
        set_deadlines(session, 0.1, 5, 5)
        with pytest.raises(ConnectTimeout, match="was not looked up in time"):
            session.get("https://broker.example/v2/account")
    ended.set()
