"""What a long run shows meanwhile, and the check that its report will have a place to go."""

import os
from datetime import date
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tenthman.cli.output import errors, say
from tenthman.domain.errors import ConfigError
from tenthman.domain.order import Book
from tenthman.scheduler.desk.timeline import Step


class StageDisplay:
    """The live progress of a long command on standard error; plain lines when that is not a terminal."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None, status="starting")
        self._interactive = errors.is_terminal

    def stage(self, text: str) -> None:
        """A part of the work begins."""
        self._progress.update(self._task, status=text, total=None, completed=0)
        if not self._interactive:
            say(f"{text} ...")


class Display(StageDisplay):
    """The live progress of a run: its book at each step; a line a session when that is not a terminal."""

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self._session: date | None = None

    def step(self, step: Step, book: Book, done: int, total: int) -> None:
        """A step of trading is done."""
        status = (
            f"{step.session} {step.kind.value:<9} equity {book.equity:>12,.2f}  "
            f"positions {len(book.positions):>2}  drawdown {book.drawdown:.2%}  {book.state.value}"
        )
        self._progress.update(self._task, total=total, completed=done, status=status)
        if not self._interactive and step.session != self._session:
            say(status)
        self._session = step.session


def open_progress() -> Progress:
    """A progress display on standard error, shown on a terminal only."""
    return Progress(
        TextColumn("{task.fields[status]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=errors,
        transient=True,
        disable=not errors.is_terminal,
    )


def require_place(out: Path | None) -> None:
    """Refuse a place that cannot take the report before the work is done, not after it."""
    if out is None:
        return
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{out}: the report cannot be written there: {error.strerror}") from None
    if (out.exists() and not out.is_file()) or not os.access(out.parent, os.W_OK):
        raise ConfigError(f"{out}: the report must go to a file in a folder that can be written to")
