"""Ctrl-C where it does no harm: a library that is being loaded, or an object that is being let go, would swallow it."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

LATER_S = 0.05
PATIENCE_S = 5.0
"""What takes longer than this, such as a user's own module that never ends, is interrupted where it is."""

LOADING, LETTING_GO = "<frozen importlib._bootstrap>", "__del__"


@contextmanager
def hearing_ctrl_c() -> Iterator[None]:
    """Inside the block Ctrl-C is a KeyboardInterrupt as ever, but for imports and `__del__`, behind which it comes.

    Extension modules turn one that meets their loading into an ImportError of their own, and Python drops one that is
    raised in `__del__`. One that still waits when the block ends comes then. Where somebody else listens, or nobody
    may, nothing changes.
    """
    is_ours = threading.current_thread() is threading.main_thread()
    if not is_ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    listener = _Listener()
    signal.signal(signal.SIGINT, listener.heard)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        listener.let_through()


class _Listener:
    def __init__(self) -> None:
        self._until: float | None = None
        self._waiting: list[threading.Timer] = []

    def heard(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._until is None:
            self._until = now + PATIENCE_S
        if now < self._until and _would_be_swallowed(frame):
            again = threading.Timer(LATER_S, signal.pthread_kill, (threading.main_thread().ident, number))
            again.daemon = True
            again.start()
            self._waiting.append(again)
            return
        self._until = None
        raise KeyboardInterrupt

    def let_through(self) -> None:
        """KeyboardInterrupt if one waits; nothing comes after that."""
        for waiting in self._waiting:
            waiting.cancel()
        if self._until is not None:
            raise KeyboardInterrupt


def _would_be_swallowed(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == LOADING or frame.f_code.co_name == LETTING_GO:
            return True
        frame = frame.f_back
    return False
