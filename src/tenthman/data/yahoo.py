"""The present-day S&P 100 from Yahoo Finance, through yfinance: free, unofficial, for personal use only.

Yahoo's daily prices are split-adjusted and not dividend-adjusted. Its news is not archived, so there are no headlines.
"""

import logging
import queue
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import requests
import structlog

from tenthman.data.calendar import sessions_between
from tenthman.data.pack_tables import universe_text
from tenthman.data.packs import build_pack, open_pack
from tenthman.data.universe import sp100
from tenthman.domain.errors import ConfigError, DataCorrupt, DataMissing
from tenthman.domain.market import FIELDS, MarketData, MarketKind

PROBE_URL = "https://query2.finance.yahoo.com/v8/finance/chart/SPY?range=1d&interval=1d"
PROBE_TIMEOUT_S = 4.0
REQUEST_TIMEOUT_S = 10.0
WORKERS = 4
NEWEST_SESSIONS = 5
# Yahoo's adjusted prices are rounded separately, so a close can lie this far outside the bar.
ROUNDING = 1e-4

_log = structlog.get_logger(__name__)

Fetch = Callable[[str, float], pd.DataFrame]


@dataclass(frozen=True, slots=True)
class _Answers:
    """Bars of the names that answered, and why each of the others did not."""

    bars: dict[str, pd.DataFrame]
    causes: dict[str, str]


def fetch_yahoo_market(
    cache: Path,
    *,
    today: date,
    min_names: int,
    timeout_s: float,
    session: requests.Session | None = None,
    years: int = 6,
) -> MarketData:
    """Daily bars of the S&P 100 and SPY up to the session before `today` (New York's date).

    Kept in `cache` as a pack and taken from there for the rest of the day. `timeout_s` bounds the whole fetch; a
    machine that cannot reach Yahoo is told so within five seconds. Raises DataMissing, saying how many names answered
    and why the others did not, when they are fewer than `min_names` or the index is not whole.
    """
    folder = cache / f"yahoo-{today.isoformat()}"
    kept = _kept(folder)
    if kept is not None:
        return kept
    deadline = time.monotonic() + timeout_s
    _probe(session, min(PROBE_TIMEOUT_S, timeout_s))
    universe = sp100()
    names = [item.ticker for item in universe.members(today)]
    start = today - timedelta(days=366 * years)
    with _quiet_yfinance(cache):
        fetch = _history(start, today, session)
        index = _gather([universe.index_ticker], fetch, deadline)
        if not index.bars:
            cause = index.causes[universe.index_ticker]
            raise DataMissing(f"Yahoo: the index {universe.index_ticker} did not answer: {cause}")
        answers = _gather(names, fetch, deadline)
    frame = _clean({**index.bars, **answers.bars}, start, today, universe.index_ticker)
    _require_names(frame, names, answers, min_names)
    return _pack(folder, frame, today)


def _kept(folder: Path) -> MarketData | None:
    """Today's pack, if there is one that can be used."""
    if not folder.is_dir():
        return None
    try:
        market = open_pack(folder, archive_lag_minutes=0)
    except (ConfigError, DataCorrupt) as error:
        _log.warning("kept Yahoo pack cannot be used and is fetched anew", folder=str(folder), cause=str(error))
        return None
    return replace(market, provenance=replace(market.provenance, kind=MarketKind.YAHOO))


def _probe(session: requests.Session | None, timeout_s: float) -> None:
    """DataMissing unless Yahoo's host answers anything at all. In a thread, since looking up a name has no timeout."""
    outcome: queue.Queue[str] = queue.Queue()

    def ask() -> None:
        try:
            (session or requests.Session()).get(PROBE_URL, timeout=timeout_s)
            outcome.put("")
        except (requests.RequestException, OSError) as error:
            outcome.put(_short(error))

    threading.Thread(target=ask, daemon=True, name="yahoo-probe").start()
    try:
        cause = outcome.get(timeout=timeout_s + 0.5)
    except queue.Empty:
        cause = f"no answer within {timeout_s:.0f} s"
    if cause:
        raise DataMissing(f"Yahoo cannot be reached, so 0 names answered: {cause}")


def _history(start: date, end: date, session: requests.Session | None) -> Fetch:
    """One ticker's daily bars from `start` until before `end`."""
    import yfinance

    def fetch(ticker: str, timeout_s: float) -> pd.DataFrame:
        return yfinance.Ticker(ticker, session=session).history(
            start=start.isoformat(),
            end=end.isoformat(),
            interval="1d",
            prepost=False,
            actions=False,
            auto_adjust=False,
            back_adjust=False,
            repair=False,
            keepna=False,
            rounding=False,
            timeout=timeout_s,
        )

    return fetch


def _gather(names: Sequence[str], fetch: Fetch, deadline: float) -> _Answers:
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
                done.put((name, None, _short(error).replace(f"${name}: ", "")))

    for _ in range(min(WORKERS, len(names))):
        threading.Thread(target=work, daemon=True, name="yahoo-fetch").start()
    answers = _Answers({}, {})
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
    answers.causes.update(dict.fromkeys(late, "no answer in time"))
    return answers


def _clean(frames: dict[str, pd.DataFrame], start: date, end: date, index_ticker: str) -> pd.DataFrame:
    """Bars of real sessions alone, in the span that the index covers whole.

    A row with a gap, without volume or with prices outside the bar by more than rounding is not a bar.
    """
    sessions = pd.DatetimeIndex([pd.Timestamp(item.session) for item in sessions_between(start, end)])
    parts = []
    for ticker, frame in frames.items():
        bars = frame.rename(columns=str.lower)[list(FIELDS)].copy()
        bars.insert(0, "date", pd.DatetimeIndex([pd.Timestamp(stamp.date()) for stamp in frame.index]))
        bars.insert(1, "ticker", ticker)
        parts.append(bars.drop_duplicates("date", keep="last"))
    rows = pd.concat(parts, ignore_index=True).dropna()
    rows = rows[rows["date"].isin(sessions) & (rows["date"] < pd.Timestamp(end)) & (rows["volume"] > 0)]
    top, bottom = rows[["open", "close", "high"]].max(axis=1), rows[["open", "close", "low"]].min(axis=1)
    sound = (top <= rows["high"] * (1 + ROUNDING)) & (bottom >= rows["low"] * (1 - ROUNDING)) & (rows["low"] > 0)
    rows = rows.assign(high=top, low=bottom)[sound]
    return _where_index_is(rows, sessions, index_ticker)


def _where_index_is(rows: pd.DataFrame, sessions: pd.DatetimeIndex, index_ticker: str) -> pd.DataFrame:
    index_days = rows.loc[rows["ticker"] == index_ticker, "date"]
    if index_days.empty:
        raise DataMissing(f"Yahoo: the index {index_ticker} has no usable bar")
    first, last = index_days.min(), index_days.max()
    expected = sessions[(sessions >= first) & (sessions <= last)]
    holes = expected.difference(pd.DatetimeIndex(index_days))
    if len(holes):
        raise DataMissing(
            f"Yahoo: the index {index_ticker} has no bar in {len(holes)} sessions, the first {holes[0].date()}"
        )
    return rows[rows["date"].between(first, last)]


def _require_names(rows: pd.DataFrame, names: Sequence[str], answers: _Answers, min_names: int) -> None:
    newest = sorted(rows["date"].unique())[-NEWEST_SESSIONS:]
    current = set(rows.loc[rows["date"].isin(newest), "ticker"]) & set(names)
    if len(current) >= min_names:
        return
    causes = {name: answers.causes.get(name, "no recent bars") for name in names if name not in current}
    counted = sorted({cause: list(causes.values()).count(cause) for cause in causes.values()}.items())
    raise DataMissing(
        f"Yahoo: {len(current)} of {len(names)} names answered, at least {min_names} are needed; "
        + "; ".join(f"{count} x {cause}" for cause, count in counted[:5])
    )


def _pack(folder: Path, rows: pd.DataFrame, today: date) -> MarketData:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        bars, universe = Path(name) / "bars.parquet", Path(name) / "universe.csv"
        rows.to_parquet(bars, index=False)
        universe.write_text(universe_text(sp100().listings), encoding="utf-8")
        build_pack(
            folder,
            bars=bars,
            headlines=None,
            universe=universe,
            name=f"S&P 100 as fetched from Yahoo on {today.isoformat()}",
            description=(
                "Present members carried back in time, so the past is biased towards survivors. No headlines: Yahoo's "
                "news is not archived."
            ),
            source="Yahoo Finance through yfinance (unofficial)",
            licence="personal use only; Yahoo's terms forbid passing the data on",
            price_basis="split-adjusted as of the day fetched, not dividend-adjusted, USD",
            index_ticker=sp100().index_ticker,
            overwrite=(folder / "pack.yaml").is_file(),
        )
    market = _kept(folder)
    if market is None:
        raise DataMissing(f"Yahoo: the pack just built in {folder} cannot be opened")
    return market


@contextmanager
def _quiet_yfinance(cache: Path) -> Iterator[None]:
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


def _short(error: BaseException) -> str:
    """Kind and first line of an error from outside, capped."""
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0][:120]}" if text else type(error).__name__
