"""Bars from Yahoo Finance, and the present-day S&P 100 as a market: free, unofficial, for personal use only.

Yahoo's daily prices are split-adjusted and not dividend-adjusted. Its news is not archived, so there are no headlines.
"""

import math
import re
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pandas as pd
import requests
import structlog

from tenthman.data.calendar import sessions_between
from tenthman.data.pack_building import build_pack
from tenthman.data.pack_tables import universe_text
from tenthman.data.packs import open_pack
from tenthman.data.sources import IMPOSSIBLE, SPLIT_ADJUSTED, ActionKind, CorporateAction, Daily, Flag
from tenthman.data.universe import sp100
from tenthman.data.yahoo_wire import LATE, PROBE_TIMEOUT_S, ROUNDING, Answers, gather, history, probe, quiet_yfinance
from tenthman.domain.errors import BrokerUnavailable, ConfigError, DataCorrupt, DataMissing
from tenthman.domain.market import FIELDS, Bar, MarketData, MarketKind

NEWEST_SESSIONS = 5
DAYS_KEPT = 5

_DAY = re.compile(r"yahoo-\d{4}-\d\d-\d\d")

_ACTION_COLUMNS = {ActionKind.SPLIT: "Stock Splits", ActionKind.DIVIDEND: "Dividends"}

_log = structlog.get_logger(__name__)


class YahooSource:
    """Daily bars and corporate actions as Yahoo has them now. Keeps `BarSource`; no keys, no promise of anything.

    `cache` keeps yfinance's own notes; `timeout_s` bounds one call for all its tickers; `session` may lead to
    another server.
    """

    price_basis = SPLIT_ADJUSTED

    def __init__(
        self, cache: Path, timeout_s: float, session: requests.Session | None = None, name: str = "Yahoo Finance"
    ) -> None:
        self._cache, self._timeout_s, self._session = cache, timeout_s, session
        self.name = name

    def daily(self, tickers: Sequence[str], first: date, last: date, seen_at: datetime) -> Daily:
        """Split-adjusted daily bars of the sessions `first`..`last`; each unanswered ticker with the cause.

        Prices outside the bar by no more than rounding are taken for the bar's end; rows with a gap are no bars.
        """
        answers = self._ask(tickers, first, last, actions=False)
        rows = [
            _row(ticker, stamp.date(), values, seen_at)
            for ticker, frame in sorted(answers.bars.items())
            for stamp, values in frame.rename(columns=str.lower)[list(FIELDS)].dropna().iterrows()
            if first <= stamp.date() <= last
        ]
        bars = {(row.ticker, row.session): row for row in rows if isinstance(row, Bar)}
        refused = tuple(row for row in rows if isinstance(row, Flag))
        return Daily(bars=tuple(bars[key] for key in sorted(bars)), refused=refused, silent=dict(answers.causes))

    def actions(self, tickers: Sequence[str], first: date, last: date) -> tuple[CorporateAction, ...]:
        """Splits and cash dividends with an ex-date in `first`..`last`, by ticker, day and kind."""
        answers = self._ask(tickers, first, last, actions=True)
        found = [
            CorporateAction(ticker=ticker, ex_date=stamp.date(), kind=kind, value=float(value))
            for ticker, frame in sorted(answers.bars.items())
            for kind, column in _ACTION_COLUMNS.items()
            if column in frame.columns
            for stamp, value in frame[column].items()
            if 0 < value < math.inf and first <= stamp.date() <= last
        ]
        return tuple(sorted(found, key=lambda item: (item.ticker, item.ex_date, item.kind.value)))

    def _ask(self, tickers: Sequence[str], first: date, last: date, *, actions: bool) -> Answers:
        if not tickers:
            return Answers({}, {})
        deadline = time.monotonic() + self._timeout_s
        try:
            probe(self._session, min(PROBE_TIMEOUT_S, self._timeout_s))
        except DataMissing as error:
            raise BrokerUnavailable(f"bars: no answer from {self.name}: {error}") from error
        with quiet_yfinance(self._cache):
            fetch = history(first, last + timedelta(days=1), self._session, actions=actions)
            answers = gather(list(tickers), fetch, deadline)
        if not answers.bars and all(cause == LATE for cause in answers.causes.values()):
            raise BrokerUnavailable(f"bars: no answer from {self.name} within {self._timeout_s:.0f} s")
        return answers


def _row(ticker: str, session: date, values: Mapping[str, float], seen_at: datetime) -> Bar | Flag:
    opened, high, low, close, volume = (float(values[name]) for name in FIELDS)
    top, bottom = max(opened, high, close), min(opened, low, close)
    if top > high * (1 + ROUNDING) or bottom < low * (1 - ROUNDING) or bottom <= 0:
        detail = f"open {opened:g}, high {high:g}, low {low:g}, close {close:g}"
        return Flag(ticker=ticker, session=session, rule=IMPOSSIBLE, detail=detail)
    prices = {"open": opened, "high": top, "low": bottom, "close": close}
    try:
        return Bar(ticker=ticker, session=session, volume=volume, known_at=seen_at, **prices)
    except ValueError as error:
        return Flag(ticker=ticker, session=session, rule=IMPOSSIBLE, detail=str(error))


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

    Kept in `cache` as a pack and taken from there for the rest of the day; packs of but the newest days are deleted.
    `timeout_s` bounds the whole fetch; a machine that cannot reach Yahoo is told so within five seconds. Raises
    DataMissing, saying how many names answered and why the others did not, when they are fewer than `min_names` or the
    index is not whole.
    """
    folder = cache / f"yahoo-{today.isoformat()}"
    kept = _kept(folder)
    if kept is not None:
        return kept
    deadline = time.monotonic() + timeout_s
    probe(session, min(PROBE_TIMEOUT_S, timeout_s))
    universe = sp100()
    names = [item.ticker for item in universe.members(today)]
    start = today - timedelta(days=366 * years)
    with quiet_yfinance(cache):
        fetch = history(start, today, session)
        index = gather([universe.index_ticker], fetch, deadline)
        if not index.bars:
            cause = index.causes[universe.index_ticker]
            raise DataMissing(f"Yahoo: the index {universe.index_ticker} did not answer: {cause}")
        answers = gather(names, fetch, deadline)
    frame = _clean({**index.bars, **answers.bars}, start, today, universe.index_ticker)
    _require_names(frame, names, answers, min_names)
    market = _pack(folder, frame, today)
    _forget_old(cache)
    return market


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


def _forget_old(cache: Path) -> None:
    """Delete what was fetched on days before the newest `DAYS_KEPT`; a folder that cannot be deleted stays."""
    days = sorted(path for path in cache.iterdir() if _DAY.fullmatch(path.name) and path.is_dir())
    for folder in days[:-DAYS_KEPT]:
        shutil.rmtree(folder, ignore_errors=True)
        _log.info("old Yahoo pack deleted", folder=str(folder))


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


def _require_names(rows: pd.DataFrame, names: Sequence[str], answers: Answers, min_names: int) -> None:
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
