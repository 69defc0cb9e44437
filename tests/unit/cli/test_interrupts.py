"""Ctrl-C comes behind what would swallow it, and is never lost."""

import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from tenthman.cli.interrupts import hearing_ctrl_c


def wait() -> None:
    """Long enough for whatever was put off; a Ctrl-C ends it."""
    time.sleep(20.0)


class Let:
    """Meets a Ctrl-C while it is let go."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


@pytest.fixture(autouse=True)
def hears_ctrl_c() -> None:
    """A runner that was started in the background ignores SIGINT."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_ctrl_c_is_heard_at_once_elsewhere() -> None:
    with pytest.raises(KeyboardInterrupt), hearing_ctrl_c():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_while_an_object_is_let_go_is_heard_behind_it() -> None:
    def let_go() -> None:
        Let()
        wait()

    with pytest.raises(KeyboardInterrupt), hearing_ctrl_c():
        let_go()


def test_ctrl_c_that_still_waits_when_the_block_ends_comes_then_and_only_once() -> None:
    with pytest.raises(KeyboardInterrupt), hearing_ctrl_c():
        Let()
    assert all(item.finished.is_set() for item in threading.enumerate() if isinstance(item, threading.Timer))


def test_ctrl_c_while_a_library_is_loaded_is_heard_behind_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "import signal\nsignal.raise_signal(signal.SIGINT)\nloaded = True\n"
    (tmp_path / "a_library_of_this_test.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)

    def load() -> None:
        __import__("a_library_of_this_test")
        wait()

    with pytest.raises(KeyboardInterrupt), hearing_ctrl_c():
        load()
    assert sys.modules.pop("a_library_of_this_test").loaded


def test_who_does_not_hear_ctrl_c_goes_on_not_hearing_it() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with hearing_ctrl_c():
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
