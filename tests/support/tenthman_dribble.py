"""A server on loopback that takes every request and answers it a byte now and then, until the client has gone."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

MOST_BYTES = 400
"""So a client that never gives up gets its answer after some seconds, and a test of it fails instead of hanging."""

PAUSE_S = 0.02


@contextmanager
def dribbling(at_once: bytes, then: bytes) -> Iterator[str]:
    """Answer with `at_once`, then with one `then` after another; the value is the address."""
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_accept, args=(listener, at_once, then), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()


def _accept(listener: socket.socket, at_once: bytes, then: bytes) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_dribble, args=(connection, at_once, then), daemon=True).start()


def _dribble(connection: socket.socket, at_once: bytes, then: bytes) -> None:
    with connection:
        try:
            connection.recv(65536)
            connection.sendall(at_once)
            connection.settimeout(PAUSE_S)
            for _ in range(MOST_BYTES):
                try:
                    if not connection.recv(1):
                        return
                except TimeoutError:
                    connection.sendall(then)
        except OSError:
            return
