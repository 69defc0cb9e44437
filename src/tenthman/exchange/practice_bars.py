"""Daily bars of the practice market: prices to the cent and volumes from its returns."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tenthman.domain.market import Floats, Panel, Sessions
from tenthman.exchange.practice_companies import INDEX_TICKER, Lifetime, stream
from tenthman.exchange.practice_events import Integers
from tenthman.exchange.practice_paths import Loadings, Paths, split_classes

_INDEX_START = 200.0
_TURNOVER = 0.004  # median share of a company traded in a session
_VOLUME_COMMON = 0.20  # standard deviations of log volume: all names together, each name's slow part, its noise
_VOLUME_SLOW = 0.22
_VOLUME_NOISE = 0.18
_VOLUME_MOVE = 0.42  # elasticity of volume to the size of the move
_SLOW = 0.85  # autocorrelation of the slow part


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """The panel, and the returns of the index as they came out (for the headlines of the day)."""

    panel: Panel
    index_return: Floats


def make_bars(
    seed: int,
    sessions: Sessions,
    tickers: tuple[str, ...],
    company_of: Integers,
    lives: tuple[Lifetime, ...],
    paths: Paths,
    load: Loadings,
    halted: tuple[tuple[int, int], ...],
) -> Bars:
    """Bars of every ticker and of the index, NaN where a ticker is not listed or halted.

    Highs and lows follow the law of the maximum and the minimum of a Brownian bridge between open and close
    (Karatzas & Shreve 1991, section 2.8), so that their range fits Parkinson (1980).
    """
    gap = split_classes(seed, company_of, paths.gap, "gap")
    session = split_classes(seed, company_of, paths.session, "session")
    path_risk = paths.path_risk[:, company_of]
    first = _first_prices(seed, company_of)
    close = first * np.cumprod((1.0 + gap) * (1.0 + session), axis=0)
    opening = close / (1.0 + session)
    high, low = _extremes(seed, "stocks", opening, close, path_risk)
    shares = _shares(seed, company_of, first)
    weight = _index_weights(close / ((1.0 + gap) * (1.0 + session)) * shares, company_of, lives)
    volume = _volumes(seed, shares, (1.0 + gap) * (1.0 + session) - 1.0, load, company_of)
    alive = _alive(company_of, lives, halted, len(sessions))
    index = _index(seed, weight, gap, session, paths, load, company_of)
    index_volume = np.sum(np.where(alive & (weight > 0), volume, 0.0), axis=1)
    fields = {
        "open": _cents(opening, alive, index[0]),
        "high": _cents(high, alive, index[1]),
        "low": _cents(low, alive, index[2]),
        "close": _cents(close, alive, index[3]),
        "volume": np.column_stack([np.where(alive, volume, np.nan), index_volume]),
    }
    panel = Panel(
        sessions=sessions,
        tickers=(*tickers, INDEX_TICKER),
        **{name: np.ascontiguousarray(array) for name, array in fields.items()},
    )
    index_return = index[3] / np.concatenate([[_INDEX_START], index[3][:-1]]) - 1.0
    return Bars(panel=panel, index_return=index_return)


def _first_prices(seed: int, company_of: Integers) -> Floats:
    rng = stream(seed, "first prices")
    prices = 110.0 * np.exp(0.45 * np.clip(rng.standard_normal(int(company_of.max()) + 1), -1.6, 2.0))
    return prices[company_of]


def _shares(seed: int, company_of: Integers, first: Floats) -> Floats:
    """Shares outstanding per ticker; companies are worth 20 to 600 billion USD at first, a few far above the rest."""
    rng = stream(seed, "capitalisation")
    worth = 70e9 * np.exp(0.85 * np.clip(rng.standard_normal(int(company_of.max()) + 1), -1.5, 2.5))
    classes = np.bincount(company_of)
    return np.round((worth / classes)[company_of] / first, -3)


def _extremes(seed: int, name: str, opening: Floats, close: Floats, path_risk: Floats) -> tuple[Floats, Floats]:
    above, below = stream(seed, f"extremes {name}").random((2, *opening.shape))
    change = np.log(close / opening)
    high = 0.5 * (change + np.sqrt(change**2 - 2.0 * path_risk**2 * np.log1p(-above)))
    low = 0.5 * (change - np.sqrt(change**2 - 2.0 * path_risk**2 * np.log1p(-below)))
    return opening * np.exp(high), opening * np.exp(low)


def _index_weights(worth: Floats, company_of: Integers, lives: tuple[Lifetime, ...]) -> Floats:
    """Weights by capitalisation at the previous close, of the session's members; rows sum to 1."""
    rows = np.arange(len(worth))[:, None]
    start = np.array([lives[int(company)].member.start for company in company_of])
    stop = np.array([lives[int(company)].member.stop for company in company_of])
    member_worth = np.where((rows >= start) & (rows < stop), worth, 0.0)
    weights: Floats = member_worth / member_worth.sum(axis=1, keepdims=True)
    return weights


def _index(
    seed: int, weight: Floats, gap: Floats, session: Floats, paths: Paths, load: Loadings, company_of: Integers
) -> tuple[Floats, Floats, Floats, Floats]:
    index_gap = np.sum(weight * gap, axis=1)
    total = np.sum(weight * (1.0 + gap) * (1.0 + session), axis=1)
    close = _INDEX_START * np.cumprod(total)
    opening = close / total * (1.0 + index_gap)
    beta = np.sum(weight * load.beta[company_of], axis=1)
    common = (paths.market.path_risk[:, None] * load.beta[company_of]) ** 2
    own = np.maximum(paths.path_risk[:, company_of] ** 2 - common, 0.0)
    risk = np.sqrt((beta * paths.market.path_risk) ** 2 + np.sum(weight**2 * own, axis=1))
    high, low = _extremes(seed, "index", opening, close, risk)
    return opening, high, low, close


def _volumes(seed: int, shares: Floats, returns: Floats, load: Loadings, company_of: Integers) -> Floats:
    """Whole shares: log-normal, persistent, rising with the size of the move (Karpoff 1987)."""
    rng = stream(seed, "volume")
    sessions, count = returns.shape
    turnover = _TURNOVER * np.exp(0.3 * rng.standard_normal(count))
    draws = rng.standard_normal((sessions, count))
    slow = np.empty((sessions, count + 1))
    innovations = rng.standard_normal((sessions, count + 1)) * math.sqrt(1.0 - _SLOW**2)
    state = np.zeros(count + 1)
    for row in range(sessions):
        state = _SLOW * state + innovations[row]
        slow[row] = state
    usual = np.sqrt(load.own_risk[company_of] ** 2 + (0.009 * load.beta[company_of]) ** 2)
    move = np.log(0.4 + np.abs(returns) / usual)
    log_volume = (
        np.log(turnover * shares)
        + _VOLUME_COMMON * slow[:, -1:]
        + _VOLUME_SLOW * slow[:, :-1]
        + _VOLUME_NOISE * draws
        + _VOLUME_MOVE * move
    )
    volumes: Floats = np.round(np.exp(log_volume))
    return volumes


def _alive(
    company_of: Integers, lives: tuple[Lifetime, ...], halted: tuple[tuple[int, int], ...], sessions: int
) -> NDArray[np.bool_]:
    rows = np.arange(sessions)[:, None]
    start = np.array([lives[int(company)].listed.start for company in company_of])
    stop = np.array([lives[int(company)].listed.stop for company in company_of])
    alive: NDArray[np.bool_] = (rows >= start) & (rows < stop)
    for row, company in halted:
        alive[row, company_of == company] = False
    return alive


def _cents(prices: Floats, alive: NDArray[np.bool_], index: Floats) -> Floats:
    return np.column_stack([np.where(alive, np.round(prices, 2), np.nan), np.round(index, 2)])
