"""Asking Yahoo Finance through yfinance: unofficial, for personal use, and never on the path of an order."""

import logging
import queue
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import requests

from tenthman.domain.errors import DataMissing
from tenthman.utils.bounded_calls import NotDone, within

PROBE_URL = "https://query2.finance.yahoo.com/v8/finance/chart/SPY?range=1d&interval=1d"
PROBE_TIMEOUT_S = 4.0
REQUEST_TIMEOUT_S = 10.0
WORKERS = 4
# Yahoo's adjusted prices are rounded separately, so a close can lie this far outside the bar.
ROUNDING = 1e-4
LATE = "no answer in time"

Fetch = Callable[[str, float], pd.DataFrame]


@dataclass(frozen=True, slots=True)
class Answers:
    """Bars of the names that answered, and why each of the others did not."""

    bars: dict[str, pd.DataFrame]
    causes: dict[str, str]


def probe(session: requests.Session | None, timeout_s: float) -> None:
    """DataMissing unless Yahoo's host answers anything at all, the look-up of its name within the time too."""

    def ask() -> None:
        with requests.Session() if session is None else nullcontext(session) as asked:
            asked.get(PROBE_URL, timeout=timeout_s)

    try:
        within(timeout_s + 0.5, ask, "yahoo-probe")
    except NotDone:
        cause = f"no answer within {timeout_s:.0f} s"
    except (requests.RequestException, OSError) as error:
        cause = short(error)
    else:
        return
    raise DataMissing(f"Yahoo cannot be reached, so 0 names answered: {cause}")


def history(start: date, end: date, session: requests.Session | None, *, actions: bool = False) -> Fetch:
    """One ticker's daily bars from `start` until before `end`, with splits and dividends if `actions`."""
    import yfinance

    def fetch(ticker: str, timeout_s: float) -> pd.DataFrame:
        return yfinance.Ticker(ticker, session=session).history(
            start=start.isoformat(),
            end=end.isoformat(),
            interval="1d",
            prepost=False,
            actions=actions,
            auto_adjust=False,
            back_adjust=False,
            repair=False,
            keepna=False,
            rounding=False,
            timeout=timeout_s,
        )

    return fetch


def gather(names: Sequence[str], fetch: Fetch, deadline: float) -> Answers:
    """What `fetch` gives for each name until `deadline` (monotonic seconds), a few at a time.

    The workers are daemons: a request that hangs past the deadline keeps nobody waiting.
    """
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[str, pd.DataFrame | None, str]] = queue.SimpleQueue()
    for name in names:
        waiting.put(name)

    def work() -> None:
        while (left := deadline - time.monotonic()) > 0:
            try:
                name = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                frame = fetch(name, min(REQUEST_TIMEOUT_S, left))
                done.put((name, frame, "" if len(frame) else "no bars"))
            except Exception as error:  # noqa: BLE001 a scraper breaks in ways nobody can list; each is a name without answer
                done.put((name, None, short(error).replace(f"${name}: ", "")))

    for _ in range(min(WORKERS, len(names))):
        threading.Thread(target=work, daemon=True, name="yahoo-fetch").start()
    answers = Answers({}, {})
    while len(answers.bars) + len(answers.causes) < len(names):
        try:
            name, frame, cause = done.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            break
        if frame is None or cause:
            answers.causes[name] = cause
        else:
            answers.bars[name] = frame
    late = (name for name in names if name not in answers.bars and name not in answers.causes)
    answers.causes.update(dict.fromkeys(late, LATE))
    return answers


@contextmanager
def quiet_yfinance(cache: Path) -> Iterator[None]:
    """yfinance with errors raised instead of logged, its own cache beside ours, and its library warnings silenced."""
    with warnings.catch_warnings():
        # It calls what newer releases of pandas deprecate, which is not ours to mend, and its import puts a filter of
        # its own in front.
        _ignore_deprecations()
        import yfinance

        _ignore_deprecations()
        settings: Any = yfinance.config.debug
        logger = logging.getLogger("yfinance")
        before = settings.hide_exceptions, logger.level
        settings.hide_exceptions = False
        logger.setLevel(logging.CRITICAL + 1)
        (cache / "yfinance").mkdir(parents=True, exist_ok=True)
        yfinance.set_tz_cache_location(str(cache / "yfinance"))
        try:
            yield
        finally:
            settings.hide_exceptions = before[0]
            logger.setLevel(before[1])


def _ignore_deprecations() -> None:
    for category in (DeprecationWarning, FutureWarning):
        warnings.simplefilter("ignore", category)


def short(error: BaseException) -> str:
    """Kind and first line of an error from outside, capped."""
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0][:120]}" if text else type(error).__name__
