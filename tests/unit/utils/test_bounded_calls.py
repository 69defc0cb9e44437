"""A call that may never end is waited for so long and no longer."""

import threading

import pytest

from tenthman.utils.bounded_calls import NotDone, within


def test_what_a_call_returns_or_raises_is_what_its_caller_gets() -> None:
    def late() -> None:
        raise TimeoutError("its own")

    assert within(5.0, lambda: threading.current_thread().name, "by its name") == "by its name"
    with pytest.raises(ZeroDivisionError):
        within(5.0, lambda: 1 // 0, "x")
    with pytest.raises(TimeoutError, match="its own") as caught:
        within(5.0, late, "x")
    assert not isinstance(caught.value, NotDone)


def test_a_call_that_never_ends_is_left_alone_and_holds_up_no_exit() -> None:
    ended = threading.Event()
    with pytest.raises(NotDone, match=r"look-up: not done within 0\.05 s"):
        within(0.05, ended.wait, "look-up")
    [thread] = [thread for thread in threading.enumerate() if thread.name == "look-up"]
    assert thread.daemon
    ended.set()
    thread.join(5.0)
    assert not thread.is_alive()
