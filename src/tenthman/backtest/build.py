"""From a market to what its decisions read: features, scores and prices of every run of a period, computed once.

The same functions as in the live decision, over whole panels. That the numbers equal those of a desk that knew only
what was known is proven by tests (truncation, and parity with a rehearsal).
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tenthman.backtest.inputs import AFTERNOON, MORNING, Inputs
from tenthman.config import BlackoutRules, Config, ScheduleSettings
from tenthman.data.alpaca import read_story
from tenthman.data.market import MarketHistory, known_at_close
from tenthman.data.quality import suspects
from tenthman.decision import LIQUIDITY_SESSIONS, join_features, membership, price_features
from tenthman.domain.features import FeaturePanel
from tenthman.domain.market import NEW_YORK, Floats, MarketData, Panel, Period, SessionHours
from tenthman.domain.news import LinkedItem, NewsItem
from tenthman.exchange.alpaca_wire import story_body
from tenthman.exchange.sessions import Timetable
from tenthman.features.sentiment import sentiment_features
from tenthman.features.technical import atr
from tenthman.ml.inference import SignalModel
from tenthman.ml.labels import BUY, SELL
from tenthman.news.linker import Linker
from tenthman.risk.arithmetic import NOT_KNOWN
from tenthman.risk.blackout import barred_on
from tenthman.risk.clusters import moves_of
from tenthman.risk.quality import Faults, faults_of
from tenthman.risk.structure import lows_of
from tenthman.scheduler.desk.timeline import StepKind, session_steps
from tenthman.scheduler.gathering.gather import link_items
from tenthman.scheduler.gathering.scoring import Score, lexicon_scores
from tenthman.scheduler.models.signal_model import ModelFrom, start_of
from tenthman.scheduler.rehearsal.period import require_history, sessions_of

LOOKS = (StepKind.MORNING, StepKind.AFTERNOON, StepKind.CLOSE)
"""Steps at which the desk asks for news."""

Mask = NDArray[np.bool_]
Instants = NDArray[np.datetime64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Study:
    """A market as its decisions see it. Row r of every array is session r of the market.

    `features`: in the morning and in the afternoon run; row r holds what the session after it decides on, that is bars
    up to session r and news up to that run. `average_range` (rows, tickers): USD at the close. `faults` (rows,
    tickers): how many of the bars that `data_quality` looks at were missing or flagged then. `schedule` names models.
    """

    market: MarketData
    sessions: tuple[SessionHours, ...]
    first_row: int
    history: MarketHistory
    features: tuple[FeaturePanel, FeaturePanel]
    average_range: Floats
    faults: Faults
    schedule: tuple[ModelFrom, ...]

    def model_of(self, session: date) -> SignalModel:
        """The model that decides in `session`."""
        return next(item.model for item in reversed(self.schedule) if item.first_session <= session)


def linked_history(
    market: MarketData, period: Period, schedule: ScheduleSettings, score: Score = lexicon_scores
) -> MarketHistory:
    """All of the market behind the gate of time: bars known at their close, headlines linked and scored.

    Headlines of the period are as the exchange serves them, known from the desk's next look at the news on.
    """
    linked = link_items(Linker(market.universe), _as_seen(market, period, schedule), score)
    return MarketHistory(market.panel, known_at_close(market), linked, market.universe, market.hours)


def _as_seen(market: MarketData, period: Period, schedule: ScheduleSettings) -> list[NewsItem]:
    start = start_of(period.first)
    looks = [
        step.at
        for hours in sessions_of(market, period)
        for step in session_steps(hours, schedule)
        if step.kind in LOOKS
    ]
    seen: list[NewsItem] = []
    for item in market.headlines:
        place = bisect_left(looks, item.known_at)
        if item.known_at < start:
            seen.append(item)
        elif place < len(looks):
            story = read_story(story_body(item), looks[place])
            seen += [] if story is None else [story]
    return seen


def make_study(
    config: Config, market: MarketData, period: Period, history: MarketHistory, schedule: tuple[ModelFrom, ...]
) -> Study:
    """What every decision of `period` reads. ConfigError when the period is not in the market or comes too early."""
    sessions = sessions_of(market, period)
    require_history(market, period, config.models.signal.min_history_sessions)
    first_row = int(np.searchsorted(market.panel.sessions, np.datetime64(sessions[0].session, "D")))
    panel = market.panel.rows(0, first_row + len(sessions) - 1)
    news = history.serve(sessions[-1].close_at).news
    return Study(
        market=market,
        sessions=sessions,
        first_row=first_row,
        history=history,
        features=_features(config, market, panel, news),
        average_range=atr(panel, config.risk_rules.stops.atr_sessions),
        faults=_faults(config, panel),
        schedule=schedule,
    )


def _faults(config: Config, panel: Panel) -> Faults:
    """`decision.known_faults` at every session."""
    rules = config.risk_rules.data_quality
    flagged = None if rules is None else suspects(panel, config.settings.data.stale_sessions)
    return faults_of(panel, rules, flagged)


def build_inputs(
    config: Config, market: MarketData, period: Period, history: MarketHistory, schedule: tuple[ModelFrom, ...]
) -> Inputs:
    """The arrays of `make_study` as the compiled run reads them."""
    return inputs_of(make_study(config, market, period, history, schedule), config)


def inputs_of(study: Study, config: Config) -> Inputs:
    """The arrays of a study as the compiled run reads them."""
    panel, rows = study.market.panel, slice(study.first_row, study.first_row + len(study.sessions))
    before = slice(rows.start - 1, rows.stop - 1)
    excess = _excess(study, _fit(study))
    steps, afternoon = _steps(study, config.settings.schedule)
    sectors, issuers = _groups(study.market)
    rules = config.risk_rules
    dividends = study.market.dividends if config.settings.rehearsal.dividends else None
    return Inputs(
        sessions=panel.sessions[rows].copy(),
        tickers=panel.tickers,
        open=panel.open[rows].copy(),
        high=panel.high[rows].copy(),
        low=panel.low[rows].copy(),
        close=panel.close[rows].copy(),
        last_close=_carried(panel.close)[before],
        gone=_gone(panel.close)[rows],
        dividends=np.zeros(panel.close[rows].shape) if dividends is None else dividends[rows].copy(),
        excess=excess,
        order=_order(excess, panel.tickers),
        known=np.isfinite(excess).sum(axis=2).astype(np.int32),
        atr=study.average_range[before],
        lowest=lows_of(panel, rules.structure_stop)[before],
        median_volume=_median_volume(panel)[before],
        steps=steps,
        afternoon=afternoon,
        issuer=issuers,
        sector=sectors,
        faults=study.faults[before],
        barred=_barred(study, rules.blackout),
        doubtful=_doubtful(study, config),
        moves=_moves(panel, before, 1 if rules.cluster is None else rules.cluster.sessions),
    )


def _features(
    config: Config, market: MarketData, panel: Panel, news: Sequence[LinkedItem]
) -> tuple[FeaturePanel, FeaturePanel]:
    prices = price_features(panel, market.universe)
    following = market.hours[1 : len(panel.sessions) + 1]
    half_life, scorer = config.settings.news.sentiment_half_life_days, config.settings.news.sentiment
    among = membership(panel, market.universe)
    runs = [_run_times(item, config.settings.schedule) for item in following]
    mornings, afternoons = (_instants([run[slot] for run in runs]) for slot in (MORNING, AFTERNOON))
    early = sentiment_features(news, panel.tickers, panel.sessions, mornings, half_life, scorer=scorer)
    late = sentiment_features(news, panel.tickers, panel.sessions, afternoons, half_life, early, scorer)
    return join_features(prices, early, among), join_features(prices, late, among)


def _run_times(hours: SessionHours, schedule: ScheduleSettings) -> tuple[datetime, datetime]:
    morning = datetime.combine(hours.session, schedule.morning, NEW_YORK).astimezone(UTC)
    steps = session_steps(hours, schedule)
    return morning, next(step.at for step in steps if step.kind is StepKind.AFTERNOON)


def _instants(times: Sequence[datetime]) -> Instants:
    return np.array([item.astimezone(UTC).replace(tzinfo=None) for item in times], dtype="datetime64[us]")


def _fit(study: Study) -> Mask:
    """Who takes part, (sessions, 2, tickers): members whose numbers at the last close are known (see `prepare`)."""
    panel, count = study.market.panel, len(study.sessions)
    before = slice(study.first_row - 1, study.first_row + count - 1)
    member = np.zeros((count, len(panel.tickers)), dtype=np.bool_)
    columns = {ticker: column for column, ticker in enumerate(panel.tickers)}
    for place, hours in enumerate(study.sessions):
        today = [
            columns[item.ticker] for item in study.market.universe.members(hours.session) if item.ticker in columns
        ]
        member[place, today] = True
    spread = study.average_range[before]
    priced = member & np.isfinite(panel.close[before]) & np.isfinite(spread) & (spread > 0)
    known = [np.isfinite(features.values[before]).any(axis=2) for features in study.features]
    return np.stack([priced & known[slot] for slot in (MORNING, AFTERNOON)], axis=1)


def _excess(study: Study, fit: Mask) -> Floats:
    """Score less base score of everyone who takes part, model by model; NaN elsewhere."""
    found = np.full(fit.shape, np.nan)
    owners = [study.model_of(hours.session) for hours in study.sessions]
    for model in dict.fromkeys(owners):
        mine = np.array([owner is model for owner in owners])
        rows = study.first_row - 1 + np.flatnonzero(mine)
        for slot in (MORNING, AFTERNOON):
            wanted = fit[mine, slot]
            scores = model.scores(model.read(study.features[slot]).values[rows][wanted])
            block = np.full(wanted.shape, np.nan)
            block[wanted] = scores[:, BUY] - scores[:, SELL] - model.base_score
            found[mine, slot] = block
    return found


def _order(excess: Floats, tickers: tuple[str, ...]) -> NDArray[np.int32]:
    """Columns by falling excess, ties by ticker, NaN last."""
    by_name = np.argsort(np.array(tickers), kind="stable")
    falling = np.argsort(-excess[:, :, by_name], axis=2, kind="stable")
    return by_name[falling].astype(np.int32)


def _steps(study: Study, schedule: ScheduleSettings) -> tuple[Floats, NDArray[np.int32]]:
    timetable = Timetable(study.market.hours)
    inside = [
        [step for step in session_steps(hours, schedule) if step.kind in (StepKind.CHECK, StepKind.AFTERNOON)]
        for hours in study.sessions
    ]
    fractions = np.full((len(inside), max(len(steps) for steps in inside)), np.nan)
    afternoon = np.empty(len(inside), dtype=np.int32)
    for place, steps in enumerate(inside):
        fractions[place, : len(steps)] = [timetable.fraction(study.first_row + place, step.at) for step in steps]
        afternoon[place] = next(number for number, step in enumerate(steps) if step.kind is StepKind.AFTERNOON)
    return fractions, afternoon


def _groups(market: MarketData) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Numbers of sector and issuer of each column."""
    names = [
        [group(ticker) for ticker in market.panel.tickers]
        for group in (market.universe.sector_of, market.universe.issuer_of)
    ]
    sectors, issuers = (np.unique(np.array(found), return_inverse=True)[1].astype(np.int32) for found in names)
    return sectors, issuers


def _doubtful(study: Study, config: Config) -> Mask:
    """Which bars of the period raise no stop, where stops follow the price."""
    panel = study.market.panel.rows(0, study.first_row + len(study.sessions))
    return suspects(panel, config.settings.data.stale_sessions, study.first_row)


def _barred(study: Study, rules: BlackoutRules | None) -> Mask:
    """Whom a blackout keeps from being entered in each session of the period, (sessions, tickers)."""
    tickers, hours = study.market.panel.tickers, study.market.hours
    found = np.zeros((len(study.sessions), len(tickers)), dtype=np.bool_)
    if rules is not None:
        for place, item in enumerate(study.sessions):
            barred = barred_on(item.session, hours, rules)
            found[place] = [ticker in barred for ticker in tickers]
    return found


def _moves(panel: Panel, before: slice, count: int) -> NDArray[np.int64]:
    """The `count` moves before each session of the period, (tickers, count - 1 + sessions)."""
    first = before.start - count + 1
    moves = moves_of(panel.close[: before.stop])[max(0, first) :]
    missing = np.full((max(0, -first), moves.shape[1]), NOT_KNOWN, dtype=np.int64)
    return np.ascontiguousarray(np.concatenate([missing, moves]).T)


def _carried(close: Floats) -> Floats:
    """The latest close up to each row; NaN before a ticker's first."""
    rows = np.where(np.isfinite(close), np.arange(len(close))[:, np.newaxis], -1)
    latest = np.maximum.accumulate(rows, axis=0)
    carried = np.take_along_axis(close, np.maximum(latest, 0), axis=0)
    return np.where(latest >= 0, carried, np.nan)


def _gone(close: Floats) -> Mask:
    """True after a ticker's last bar in the market, and never for one that has none at all."""
    has = np.isfinite(close)
    last = np.where(has.any(axis=0), len(close) - 1 - np.argmax(has[::-1], axis=0), len(close))
    return np.asarray(np.arange(len(close))[:, np.newaxis] > last)


def _median_volume(panel: Panel) -> Floats:
    """Median of the volumes known in the 20 sessions up to each row; NaN where there is none."""
    padded = np.concatenate([np.full((LIQUIDITY_SESSIONS - 1, len(panel.tickers)), np.nan), panel.volume])
    windows = np.sort(sliding_window_view(padded, LIQUIDITY_SESSIONS, axis=0), axis=2)
    counts = np.isfinite(windows).sum(axis=2)
    low, high = np.maximum(counts - 1, 0) // 2, counts // 2
    middle = [
        np.take_along_axis(windows, place[:, :, np.newaxis], axis=2)[:, :, 0]
        for place in (low, np.minimum(high, LIQUIDITY_SESSIONS - 1))
    ]
    return np.where(counts > 0, (middle[0] + middle[1]) / 2.0, np.nan)
