"""Returns of the practice market: a market factor, eleven sectors, and each company's own risk.

Every shock is a normal times the root of a mixing weight (Student t; Blattberg & Gonedes 1974), with a variance that
clusters: GJR-GARCH(1,1) for the market, whose falls raise it more than its rises (Bollerslev 1986; Glosten,
Jagannathan & Runkle 1993), GARCH(1,1) for each company. All are simple returns with the same mean for every company,
so no price, volatility or beta foretells which will do better; only a planted edge does.
"""

from dataclasses import dataclass

import numpy as np

from tenthman.domain.market import Floats
from tenthman.exchange.practice_companies import Company, stream
from tenthman.exchange.practice_events import Integers

PLANTED_DRIFT = 0.0008  # per session and running genuine event
PLANTED_MOMENTUM = 0.00012  # per session and unit of the standardised momentum score
MOMENTUM_SESSIONS = 63
MOMENTUM_BOUND = 2.5

_PREMIUM = (
    0.13 / 252
)  # per session outside the crash; with it, five years come to some 6 % a year (Mehra & Prescott 1985)
_MARKET_RISK = 0.0094  # daily, without the crash; with it about 1 %
_SECTOR_RISK = 0.0052
_OWN_RISK = 0.0108  # median over companies
_OVERNIGHT = 0.30  # share of the variance that falls into the opening gap
_CRASH_RISK = 0.040  # daily
_MARKET_DRAW = 2.5  # largest normal draw of the market factor; its tails come from variance and mixing weight
_MARKET_RISK_CAP = 0.05  # daily; the S&P 500's worst session since 1988 lost 12 %
_CLASS_RISK = 0.0006  # daily, between two share classes of one issuer
_FLOOR = -0.6  # lowest return of one gap or one session

_SECTOR_BETA = {
    "Information Technology": 1.15,
    "Financials": 1.15,
    "Energy": 1.15,
    "Consumer Discretionary": 1.1,
    "Materials": 1.1,
    "Industrials": 1.05,
    "Communication Services": 1.0,
    "Real Estate": 0.9,
    "Health Care": 0.85,
    "Consumer Staples": 0.7,
    "Utilities": 0.65,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shock:
    """A factor's returns, split into opening gap and session, with the session's path risk (arrays of one shape)."""

    gap: Floats
    session: Floats
    path_risk: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Simple returns per session, shape (sessions, companies), and what the answer key needs of them.

    `own` is the company's own return (gap, session, event and drift together); `momentum` the bounded score known
    before the session; `path_risk` the standard deviation of the intraday path.
    """

    gap: Floats
    session: Floats
    path_risk: Floats
    own: Floats
    momentum: Floats
    market: Shock


@dataclass(frozen=True, slots=True, kw_only=True)
class Loadings:
    """Per company: market beta, sector beta, sector number, and own daily risk."""

    beta: Floats
    sector_beta: Floats
    sector: Integers
    own_risk: Floats


def loadings(seed: int, roster: tuple[Company, ...]) -> Loadings:
    """Drawn once per market. Own risk is log-normal over companies."""
    rng = stream(seed, "loadings")
    count = len(roster)
    names = tuple(sorted(_SECTOR_BETA))
    base = np.array([_SECTOR_BETA[company.sector] for company in roster])
    return Loadings(
        beta=np.clip(base + 0.15 * rng.standard_normal(count), 0.4, 1.7),
        sector_beta=rng.uniform(0.7, 1.3, count),
        sector=np.array([names.index(company.sector) for company in roster], dtype=np.int64),
        own_risk=_OWN_RISK * np.exp(0.25 * np.clip(rng.standard_normal(count), -2.5, 2.5)),
    )


def simulate(seed: int, load: Loadings, event_gaps: Floats, drift: Floats, momentum: float, crash: range) -> Paths:
    """Returns of all companies.

    `event_gaps` (returns) and `drift` (return per session) have shape (sessions, companies); `momentum` is the return
    per session and unit of score, 0 for none. Rows of `crash` fall together.
    """
    sessions = len(event_gaps)
    market, heat = _market(seed, sessions, crash)
    sectors = _sectors(seed, sessions, heat)
    own, scores, own_return = _own(seed, load, heat, event_gaps, drift, momentum)
    sector = Shock(
        gap=sectors.gap[:, load.sector] * load.sector_beta,
        session=sectors.session[:, load.sector] * load.sector_beta,
        path_risk=sectors.path_risk[:, load.sector] * load.sector_beta,
    )
    gap = market.gap[:, None] * load.beta + sector.gap + own.gap
    session = _PREMIUM + market.session[:, None] * load.beta + sector.session + own.session
    variance = (market.path_risk[:, None] * load.beta) ** 2 + sector.path_risk**2 + own.path_risk**2
    return Paths(
        gap=np.maximum(gap, _FLOOR),
        session=np.maximum(session, _FLOOR),
        path_risk=np.sqrt(variance),
        own=own_return,
        momentum=scores,
        market=market,
    )


def split_classes(seed: int, company_of: Integers, returns: Floats, name: str) -> Floats:
    """Returns per ticker: second classes follow the first with a small difference that never reverts."""
    per_ticker = returns[:, company_of].copy()
    second = np.flatnonzero(np.diff(company_of, prepend=-1) == 0)
    noise = stream(seed, f"share classes {name}").standard_normal((len(returns), len(second)))
    per_ticker[:, second] += _CLASS_RISK * noise
    return per_ticker


def _weights(rng: np.random.Generator, degrees: float, shape: tuple[int, ...], cap: float) -> Floats:
    """Inverse-chi-square mixing weights with mean 1 before the cap."""
    weights: Floats = np.minimum((degrees - 2.0) / rng.chisquare(degrees, shape), cap)
    return weights


def _market(seed: int, sessions: int, crash: range) -> tuple[Shock, Floats]:
    """The market factor, and its heat: variance over its long-run mean, known before each session."""
    rng = stream(seed, "market factor")
    night, day = np.clip(rng.standard_normal((2, sessions)), -_MARKET_DRAW, _MARKET_DRAW)
    weight = _weights(rng, 7.0, (sessions,), 6.0)
    depth = rng.uniform(0.28, 0.32)
    rise, fall, keep = 0.045, 0.16, 0.85
    mean = _MARKET_RISK**2
    variance = np.empty(sessions)
    gap, session, path_risk = np.empty((3, sessions))
    level = mean
    for row in range(sessions):
        if row in crash:
            ramp = min(1.0, 0.4 + 0.15 * (row - crash.start))
            level = (_CRASH_RISK * ramp) ** 2
        variance[row] = level
        risk = min(np.sqrt(level * weight[row]), _MARKET_RISK_CAP)
        gap[row] = risk * np.sqrt(_OVERNIGHT) * night[row]
        path_risk[row] = risk * np.sqrt(1.0 - _OVERNIGHT)
        session[row] = path_risk[row] * day[row]
        shock = (gap[row] + session[row]) ** 2
        level = mean * (1.0 - rise - fall / 2.0 - keep) + (rise + fall * (gap[row] + session[row] < 0)) * shock
        level = min(level + keep * variance[row], _CRASH_RISK**2)
    rows = slice(crash.start, crash.stop)
    session[rows] += _shift_to(np.log1p(-depth), gap[rows], session[rows])
    return Shock(gap=gap, session=session, path_risk=path_risk), variance / mean


def _shift_to(target: float, gap: Floats, session: Floats) -> float:
    """The constant that, added to each session, makes the log return of the window `target` (Newton)."""
    shift = 0.0
    for _ in range(20):
        reached = float(np.sum(np.log1p(gap) + np.log1p(session + shift)))
        shift += (target - reached) / float(np.sum(1.0 / (1.0 + session + shift)))
    return shift


def _sectors(seed: int, sessions: int, heat: Floats) -> Shock:
    rng = stream(seed, "sector factors")
    night, day = rng.standard_normal((2, sessions, len(_SECTOR_BETA)))
    risk = _SECTOR_RISK * np.sqrt(_weights(rng, 6.0, night.shape, 8.0)) * np.minimum(heat, 9.0)[:, None] ** 0.35
    path_risk = risk * np.sqrt(1.0 - _OVERNIGHT)
    return Shock(gap=risk * np.sqrt(_OVERNIGHT) * night, session=path_risk * day, path_risk=path_risk)


def _own(
    seed: int, load: Loadings, heat: Floats, event_gaps: Floats, drift: Floats, momentum: float
) -> tuple[Shock, Floats, Floats]:
    """Own risk clusters, and rises with that of the market (Herskovic, Kelly, Lustig & Van Nieuwerburgh 2016)."""
    rng = stream(seed, "own risk")
    sessions, count = event_gaps.shape
    night, day = rng.standard_normal((2, sessions, count))
    weight = np.sqrt(_weights(rng, 3.6, (sessions, count), 14.0))
    common = np.minimum(heat, 9.0) ** 0.25
    news, keep = 0.05, 0.93
    gap, session, path_risk, scores, total = np.empty((5, sessions, count))
    level = np.ones(count)
    trail = np.zeros((MOMENTUM_SESSIONS, count))
    for row in range(sessions):
        calm = load.own_risk * np.sqrt(level)
        risk = calm * common[row] * weight[row]
        scores[row] = np.clip(trail.sum(axis=0) / np.sqrt(MOMENTUM_SESSIONS), -MOMENTUM_BOUND, MOMENTUM_BOUND)
        path_risk[row] = risk * np.sqrt(1.0 - _OVERNIGHT)
        gap[row] = risk * np.sqrt(_OVERNIGHT) * night[row] + event_gaps[row]
        session[row] = path_risk[row] * day[row] + drift[row] + momentum * scores[row]
        total[row] = gap[row] + session[row]
        trail[row % MOMENTUM_SESSIONS] = total[row] / load.own_risk
        shock = (total[row] - event_gaps[row]) / (load.own_risk * common[row])
        level = (1.0 - news - keep) + news * np.minimum(shock**2, 25.0) + keep * level
    return Shock(gap=gap, session=session, path_risk=path_risk), scores, total
