"""Waiting for a call that knows no time-out of its own, the look-up of a host among them."""

import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

Result = TypeVar("Result")


class NotDone(TimeoutError):
    """The call went on beyond its bound: no TimeoutError of its own."""


def within(seconds: float, call: Callable[[], Result], name: str) -> Result:
    """What `call` returns or raises; NotDone when that takes more than `seconds`.

    The call has a daemon thread to itself, called `name`. One that goes on beyond the bound is left alone there, and
    nobody hears what comes of it.
    """
    outcome: Future[Result] = Future()

    def run() -> None:
        try:
            outcome.set_result(call())
        except BaseException as error:  # noqa: BLE001 whatever it is, it belongs to who waits for the answer
            outcome.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    if not wait([outcome], max(0.0, seconds)).done:
        raise NotDone(f"{name}: not done within {seconds:g} s")
    return outcome.result()


def await_address(host: str, port: int | None, seconds: float) -> None:
    """Wait until the system has looked up `host`; NotDone when that takes more than `seconds`.

    For who connects by name next, and is told then that the host has no address, where it has none.
    """
    try:
        within(seconds, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM), "look-up of a host")
    except NotDone:
        raise
    except (OSError, ValueError):
        return
