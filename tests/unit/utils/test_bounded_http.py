"""Whole responses have a deadline: from the look-up of the host, which the system never ends, to the headers."""

import socket
import threading
import time

import httpx
import pytest
from tenthman_dribble import dribbling

from tenthman.utils.bounded_http import BoundedTransport


def test_a_look_up_that_never_ends_is_given_up_like_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: ended.wait(20.0))
    timeout = httpx.Timeout(10.0, connect=0.1)
    begun = time.monotonic()
    with (
        httpx.Client(transport=BoundedTransport(10.0), timeout=timeout) as client,
        pytest.raises(httpx.ConnectTimeout, match="not looked up in time"),
    ):
        client.get("http://models.example:11434/api/tags")
    assert time.monotonic() - begun < 3.0
    ended.set()


def test_headers_that_come_a_byte_at_a_time_are_given_up_at_the_deadline() -> None:
    begun = time.monotonic()
    with (
        dribbling(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x") as address,
        httpx.Client(transport=BoundedTransport(0.2), timeout=5.0) as client,
        pytest.raises(httpx.ReadTimeout, match="did not begin within its deadline"),
    ):
        client.get(address)
    assert time.monotonic() - begun < 3.0


def test_a_host_without_an_address_is_told_as_one_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror("unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with httpx.Client(transport=BoundedTransport(5.0)) as client, pytest.raises(httpx.ConnectError, match="unknown"):
        client.get("http://models.example/")
