"""A user's own feature for the truncation test: read anew for each history, and watched for what it opens.

A module that is read anew remembers nothing of a longer history that it was given before. What a feature reads from
elsewhere is beyond any cut of the bars, so it is told.
"""

import importlib
import os
import site
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import TypeVar

import numpy as np

from tenthman.domain.errors import ConfigError
from tenthman.domain.features import FeaturePanel
from tenthman.domain.market import Floats, Panel
from tenthman.features.lookahead import leaks
from tenthman.utils.bounded_calls import NotDone, within

Result = TypeVar("Result")
Feature = Callable[[Panel], FeaturePanel | Mapping[str, Floats] | Floats]
"""From bars to one array of shape (sessions, tickers), to several by name, or to a panel."""

CODE = frozenset({".py", ".pyc", ".so", ".pyd", ".nbi", ".nbc"})
INSTALLED = (sys.prefix, sys.base_prefix, site.getusersitepackages())
SYSTEM = ("/proc", "/sys", "/dev", "/etc", "/usr/share", *INSTALLED)
OUTSIDE = ("socket.connect", "subprocess.Popen")


class OwnFeature:
    """The function that `spec` ("module:function") names, looked for in `folder` first; called with a number of
    sessions it answers with its features of so many of `panel`.

    `opened` names files, addresses and programs that it reached through Python so far, the interpreter's own aside.
    ConfigError at once when the function cannot be had, and when called: when it fails, or answers with anything but
    numbers of the shape of the bars it was given; both when it takes more than `seconds`, after which it is left alone
    in its thread. What it prints goes to standard error.
    """

    def __init__(self, spec: str, folder: Path, panel: Panel, seconds: float) -> None:
        self.opened: set[str] = set()
        self._spec, self._folder, self._panel, self._seconds = spec, folder.resolve(), panel, seconds
        self._watching = False
        sys.addaudithook(self._hear)
        self._read()

    def __call__(self, sessions: int) -> FeaturePanel:
        bars = self._panel.rows(0, sessions)
        function = self._read()
        answer = self._in_time(lambda: function(bars), f"{self._spec} failed on {sessions} sessions")
        return _as_panel(self._spec, answer, bars)

    def require_steady(self, sessions: int) -> None:
        """ConfigError when it gives other values for the same bars when asked again: then no cut tells anything."""
        for found in leaks(self(sessions), self(sessions)):
            raise ConfigError(
                f"{self._spec} must give the same values for the same bars, asked twice it gave others for "
                f"{found.feature} of {found.ticker} in {found.session}"
            )

    def _read(self) -> Feature:
        module, _, name = self._spec.partition(":")
        if not module or not name:
            raise ConfigError(f"`--feature` must be module:function, was {self._spec!r}")
        for held in [held for held, loaded in sys.modules.items() if self._is_own(held, loaded)]:
            del sys.modules[held]
        failing = f"`--feature` {self._spec!r} cannot be had"
        found = self._in_time(lambda: getattr(importlib.import_module(module), name), failing)
        if not callable(found):
            raise ConfigError(f"`--feature` {self._spec!r} must name a function, was {type(found).__name__}")
        own: Feature = found
        return own

    def _in_time(self, call: Callable[[], Result], failing: str) -> Result:
        try:
            with self._watched():
                return within(self._seconds, call, "own feature")
        except NotDone:
            raise ConfigError(f"{failing}: not done within `--seconds` {self._seconds:g}") from None
        except (Exception, SystemExit) as error:  # a user's own code may raise anything
            raise ConfigError(f"{failing}: {_in_a_line(error)}") from error

    def _is_own(self, name: str, module: object) -> bool:
        """Of the user's folder: not installed beneath it, not this program, and not the program that was started."""
        file = Path(getattr(module, "__file__", None) or os.devnull)
        if name.partition(".")[0] in {"tenthman", "__main__"} or not file.is_relative_to(self._folder):
            return False
        beneath = (place for place in INSTALLED if Path(place).is_relative_to(self._folder))
        return not any(file.is_relative_to(place) for place in beneath)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        sys.path.insert(0, str(self._folder))
        self._watching = True
        try:
            with redirect_stdout(sys.stderr):
                yield
        finally:
            self._watching = False
            with suppress(ValueError):  # a user's own module may have changed the list
                sys.path.remove(str(self._folder))

    def _hear(self, event: str, arguments: tuple[object, ...]) -> None:
        """Hears of every file that Python opens; it cannot be taken out again, so it must be quick and never fail."""
        if not self._watching:
            return
        if event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
            path = Path(os.fsdecode(arguments[0])).absolute()
            if not _is_code(path) and not any(path.is_relative_to(place) for place in SYSTEM):
                self.opened.add(str(path.relative_to(self._folder) if path.is_relative_to(self._folder) else path))
        elif event in OUTSIDE:
            self.opened.add(f"{event} {arguments[1] if event == 'socket.connect' else arguments[0]}")


def _is_code(path: Path) -> bool:
    """Of a module: while Python writes what it compiled, a number stands behind the file's name."""
    return path.suffix in CODE or (path.suffix[1:].isdigit() and path.with_suffix("").suffix == ".pyc")


def _in_a_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _as_panel(spec: str, answer: object, bars: Panel) -> FeaturePanel:
    if isinstance(answer, FeaturePanel):
        if answer.tickers != bars.tickers or not np.array_equal(answer.sessions, bars.sessions):
            raise ConfigError(
                f"{spec}: the panel must have the {len(bars.sessions)} sessions and the tickers it was given"
            )
        return answer
    columns = answer if isinstance(answer, Mapping) else {spec.partition(":")[2]: answer}
    if not columns:
        raise ConfigError(f"{spec} must answer with at least 1 array, gave none")
    arrays = {str(name): np.asarray(values) for name, values in columns.items()}
    for name, values in arrays.items():
        if values.shape != bars.close.shape or values.dtype.kind not in "fiub":
            raise ConfigError(
                f"{spec}: `{name}` must be numbers of shape {bars.close.shape} (sessions, tickers), was "
                f"{values.dtype} {values.shape}"
            )
    try:
        return FeaturePanel(
            sessions=bars.sessions.copy(),
            tickers=bars.tickers,
            names=tuple(arrays),
            values=np.stack([values.astype(np.float64) for values in arrays.values()], axis=2),
            definitions=(spec,),
        )
    except ValueError as error:
        raise ConfigError(f"{spec}: {error}") from None
