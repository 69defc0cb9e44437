"""The practice market: a seeded, fictional market whose truth is known.

It is the scientific control of the desk: on `truth="null"` nothing known at an open says anything about what follows,
so an edge found there is chance or a leak; on `truth="planted"` a documented edge of a set size is there to be found.
It is never shown as real. Bars and headlines are calibrated to published facts of large US companies:

- market risk of about 16 to 18 % a year, 1 % a session (Schwert 1989, Journal of Finance 44);
- a stock's variance mostly its own, then the market's, then its sector's (Campbell, Lettau, Malkiel & Xu 2001,
  Journal of Finance 56); mean pairwise correlation near 0.25 in quiet years and far higher in a crash (Pollet & Wilson
  2010, Journal of Financial Economics 96);
- fat tails, no autocorrelation of returns, slowly decaying autocorrelation of their size, volume rising with the size
  of the move, falls that raise volatility (Cont 2001, Quantitative Finance 1; Bouchaud, Matacz & Potters 2001,
  Physical Review Letters 87; Karpoff 1987, Journal of Financial and Quantitative Analysis 22);
- a fifth to two fifths of the variance overnight (Hansen & Lunde 2005, Journal of Financial Econometrics 3);
- a daily range that fits the variance from open to close (Parkinson 1980, Journal of Business 53);
- results four times a year, with moves several times those of other days (Beaver 1968, Journal of Accounting Research
  6), drifting on afterwards where the edge is planted (Bernard & Thomas 1989, Journal of Accounting Research 27), as
  does three-month momentum (Jegadeesh & Titman 1993, Journal of Finance 48);
- a crash like that of February and March 2020, in which the S&P 500 lost a third.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np

from tenthman.domain.market import (
    FIELDS,
    Floats,
    MarketData,
    MarketKind,
    Panel,
    Period,
    Provenance,
    SessionHours,
)
from tenthman.domain.news import NewsItem
from tenthman.exchange import practice_companies as firms
from tenthman.exchange import practice_events as happenings
from tenthman.exchange import practice_paths as risk
from tenthman.exchange.practice_bars import make_bars
from tenthman.exchange.practice_edge import HORIZON, forward_returns, rank_ic
from tenthman.exchange.practice_news import make_headlines

Truth = Literal["planted", "null"]

MIN_SESSIONS = 130

_FIRST, _LAST = date(2016, 1, 4), date(2020, 12, 31)
_CRASH = Period(first=date(2020, 2, 18), last=date(2020, 3, 20))
_DEFAULT = Period(first=date(2020, 1, 6), last=date(2020, 1, 31))
_CRASH_SESSIONS = 24
_DEFAULT_SESSIONS = 20
_CRASH_PLACE = 0.82  # of the range, when the dates above are not all in it


def practice_range() -> tuple[date, date]:
    """First and last day of the standard practice market: five years that contain the sessions of both scenarios."""
    return _FIRST, _LAST


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PracticeMarket:
    """A market and its answer key: `expected` (sessions, tickers without the index), what each earns over others.

    `expected` is the log return, known at the open, that the planted drift adds until the close nine sessions on. For
    "null" it is that of the same order as if it had been planted: nothing of it is in the prices.
    """

    market: MarketData
    expected: Floats


def make_practice_market(seed: int, truth: Truth, hours: tuple[SessionHours, ...], strength: float = 1.0) -> MarketData:
    """The market of `seed`, always the same: bars for the sessions of `hours` up to `practice_range()[1]`.

    Later hours are kept as the sessions that follow. The two truths of one seed share every random draw; they differ
    by the planted drift alone, which is `strength` times the documented one. Raises ValueError for fewer than
    `MIN_SESSIONS` sessions, a negative seed or a strength outside 0 to 10.
    """
    return make_with_answer(seed, truth, hours, strength).market


def make_with_answer(seed: int, truth: Truth, hours: tuple[SessionHours, ...], strength: float = 1.0) -> PracticeMarket:
    """What `make_practice_market` makes, with the whole answer key."""
    traded = tuple(item for item in hours if item.session <= _LAST)
    if len(traded) < MIN_SESSIONS:
        raise ValueError(f"`hours` must hold at least {MIN_SESSIONS} sessions up to {_LAST}, had {len(traded)}")
    if seed < 0:
        raise ValueError(f"`seed` must be at least 0, was {seed}")
    if not 0.0 < strength <= 10.0:
        raise ValueError(f"`strength` must be above 0 and at most 10, was {strength}")
    planted = truth == "planted"
    drift, momentum = risk.PLANTED_DRIFT * strength, risk.PLANTED_MOMENTUM * strength
    count = len(traded)
    scenarios = _scenarios(traded)
    roster = firms.companies()
    lives = firms.lifetimes(seed, roster, count)
    load = risk.loadings(seed, roster)
    events = happenings.schedule(seed, lives, traded)
    halted = happenings.halts(seed, lives, count)
    paths = risk.simulate(
        seed,
        load,
        happenings.gaps(events, count, load.own_risk),
        happenings.drifts(events, count, len(roster)) * (drift if planted else 0.0),
        momentum if planted else 0.0,
        _rows(traded, scenarios["crash"]),
    )
    days = np.array([item.session for item in traded], dtype="datetime64[D]")
    company_of = firms.share_classes(roster)
    bars = make_bars(seed, days, firms.ticker_order(roster), company_of, lives, paths, load, halted)
    headlines = make_headlines(seed, traded, roster, lives, events, halted, paths.own, bars.index_return)
    score = happenings.remaining_drifts(events, count, len(roster)) * drift
    score += paths.momentum * momentum * HORIZON
    expected = score[:, company_of]
    market = MarketData(
        provenance=_provenance(seed, truth, strength, bars.panel, headlines),
        panel=bars.panel,
        hours=hours,
        headlines=headlines,
        universe=firms.universe(roster, lives, traded),
        scenarios=scenarios,
        truth=_answer_key(truth, drift, momentum, bars.panel, expected),
    )
    return PracticeMarket(market=market, expected=expected)


def _scenarios(traded: tuple[SessionHours, ...]) -> Mapping[str, Period]:
    """The dates of early 2020 where the range holds them all; otherwise windows of the same lengths before its end."""
    days = [item.session for item in traded]
    if days[0] <= _DEFAULT.first and _CRASH.last <= days[-1]:
        return {"default": _DEFAULT, "crash": _CRASH}
    start = max(int(_CRASH_PLACE * len(days)), _DEFAULT_SESSIONS)
    last = min(start + _CRASH_SESSIONS, len(days)) - 1
    return {
        "default": Period(first=days[start - _DEFAULT_SESSIONS], last=days[start - 1]),
        "crash": Period(first=days[start], last=days[last]),
    }


def _rows(traded: tuple[SessionHours, ...], period: Period) -> range:
    inside = [row for row, item in enumerate(traded) if period.first <= item.session <= period.last]
    return range(inside[0], inside[-1] + 1)


def _answer_key(truth: Truth, drift: float, momentum: float, panel: Panel, score: Floats) -> Mapping[str, str]:
    """What is planted, and how far it orders ten-session returns; for "null", the same order without the drift."""
    measured = rank_ic(score, forward_returns(panel, score.shape[1]))
    planted = truth == "planted"
    return {
        "truth": truth,
        "drift_bp_per_session": f"{drift * 1e4 if planted else 0.0:.2f}",
        "drift_sessions": str(happenings.DRIFT_SESSIONS),
        "momentum_bp_per_session_and_score": f"{momentum * 1e4 if planted else 0.0:.2f}",
        "momentum_sessions": str(risk.MOMENTUM_SESSIONS),
        "oracle_rank_ic_10": f"{measured.mean:.4f}",
        "oracle_rank_ic_10_standard_error": f"{measured.standard_error:.4f}",
    }


def _provenance(seed: int, truth: Truth, strength: float, panel: Panel, headlines: tuple[NewsItem, ...]) -> Provenance:
    planted = "a documented edge is planted" if truth == "planted" else "no edge exists"
    times = "" if strength == 1.0 else f"-strength{strength:g}"
    return Provenance(
        kind=MarketKind.PRACTICE,
        name=f"practice-{truth}-seed{seed}{times}",
        description=f"Fictional companies, prices and headlines from a random generator; {planted}",
        source="generated by tenthman",
        price_basis="split-adjusted, no dividends; fictional USD",
        licence="Apache-2.0 (generated)",
        content_hash=_content_hash(panel, headlines),
    )


def _content_hash(panel: Panel, headlines: tuple[NewsItem, ...]) -> str:
    digest = hashlib.sha256()
    digest.update("\n".join(panel.tickers).encode())
    digest.update(panel.sessions.astype("<i8").tobytes())
    for name in FIELDS:
        cents = np.nan_to_num(np.round(getattr(panel, name) * 100.0), nan=-1.0)
        digest.update(cents.astype("<i8").tobytes())
    for item in headlines:
        fields = (item.id, item.headline, item.summary, item.source, item.published_at.isoformat(), *item.tickers)
        digest.update("\x1f".join(fields).encode() + b"\x1e")
    return digest.hexdigest()
