"""The practice market against what is published about large US companies, and against its own answer key.

Each calibration is checked on the mean over several seeds: single markets differ from one another as single decades do.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cache

import numpy as np
import pytest

from tenthman.data.calendar import sessions_between
from tenthman.domain.market import Floats, MarketData
from tenthman.exchange import practice_companies as firms
from tenthman.exchange import practice_events as happenings
from tenthman.exchange import practice_paths as risk
from tenthman.exchange.practice import Truth, make_practice_market, practice_range
from tenthman.exchange.practice_edge import RankIC, forward_returns, rank_ic

SEEDS = (1, 2, 3, 4, 5, 6)
CONTROL_SEEDS = tuple(range(1, 11))
QUIET = slice(0, 1000)  # sessions well before the crash


def make_market(seed: int, truth: Truth) -> MarketData:
    return make_practice_market(seed, truth, sessions_between(*practice_range()))


@cache
def market(seed: int, truth: Truth = "null") -> MarketData:
    return make_market(seed, truth)


def stocks(field: Floats, data: MarketData) -> Floats:
    """Columns of stocks with nearly all bars, without the index."""
    whole = np.isfinite(data.panel.close[:, :-1]).mean(axis=0) > 0.98
    return field[:, :-1][:, whole]


def returns(data: MarketData) -> Floats:
    return np.diff(np.log(stocks(data.panel.close, data)), axis=0)


def index_returns(data: MarketData) -> Floats:
    return np.diff(np.log(data.panel.close[:, -1]))


def mean_over_seeds(measure: Callable[[MarketData], float]) -> float:
    return float(np.mean([measure(market(seed)) for seed in SEEDS]))


def autocorrelation(series: Floats, lag: int) -> float:
    """Median over columns, leaving out missing values."""
    centred = series - np.nanmean(series, axis=0)
    products = np.nanmean(centred[lag:] * centred[:-lag], axis=0)
    return float(np.median(products / np.nanmean(centred**2, axis=0)))


def excess_kurtosis(series: Floats) -> Floats:
    centred = series - np.nanmean(series, axis=0)
    kurtosis: Floats = np.nanmean(centred**4, axis=0) / np.nanmean(centred**2, axis=0) ** 2 - 3.0
    return kurtosis


def pairwise_correlation(series: Floats) -> float:
    correlations = np.corrcoef(np.nan_to_num(series).T)
    return float(correlations[np.triu_indices(len(correlations), 1)].mean())


def test_market_volatility_is_that_of_large_caps() -> None:
    """About 1 % a session and 16 to 18 % a year (Schwert 1989)."""
    assert 0.009 < mean_over_seeds(lambda data: float(np.std(index_returns(data)))) < 0.0130
    assert 0.10 < mean_over_seeds(lambda data: float(np.std(index_returns(data)[QUIET])) * 252**0.5) < 0.18


def test_stocks_move_together_as_far_as_stocks_do() -> None:
    """Mean pairwise correlation near 0.25 over decades, more when the market is in turmoil (Pollet & Wilson 2010)."""
    quiet = mean_over_seeds(lambda data: pairwise_correlation(returns(data)[QUIET]))
    whole = mean_over_seeds(lambda data: pairwise_correlation(returns(data)))
    assert 0.25 < quiet < 0.40
    assert quiet < whole < 0.52


def test_most_of_a_stocks_variance_is_its_own_in_quiet_years() -> None:
    """Firm 72 %, market 16 %, industry 12 % for all stocks (Campbell et al. 2001); large ones follow the market."""

    def own_share(data: MarketData) -> float:
        own, index = np.nan_to_num(returns(data)[QUIET]), index_returns(data)[QUIET]
        return 1.0 - float(np.mean([np.corrcoef(own[:, column], index)[0, 1] ** 2 for column in range(own.shape[1])]))

    assert 0.5 < mean_over_seeds(own_share) < 0.8


def test_returns_have_fat_tails() -> None:
    """Excess kurtosis far above 0 (Cont 2001, property 2)."""
    assert 5.0 < mean_over_seeds(lambda data: float(np.median(excess_kurtosis(returns(data))))) < 20.0
    assert mean_over_seeds(lambda data: float(np.median(excess_kurtosis(returns(data)[QUIET])))) > 2.5


def test_returns_have_almost_no_autocorrelation() -> None:
    """Cont 2001, property 1; Lo & MacKinlay 1988 for single stocks."""
    for lag in (1, 2, 5):
        assert abs(mean_over_seeds(lambda data, lag=lag: autocorrelation(returns(data)[QUIET], lag))) < 0.03


def test_the_size_of_returns_is_autocorrelated_and_forgets_slowly() -> None:
    """Cont 2001, properties 6 and 8."""
    lags = (1, 5, 10, 20)
    sizes = [mean_over_seeds(lambda data, lag=lag: autocorrelation(np.abs(returns(data)), lag)) for lag in lags]
    assert 0.12 < sizes[0] < 0.40
    assert sizes[0] > sizes[-1] > 0.03
    assert sizes[2] > 0.5 * sizes[0]


def test_falls_raise_volatility() -> None:
    """The leverage effect (Black 1976; Bouchaud, Matacz & Potters 2001), stronger in the index."""

    def leverage(data: MarketData) -> float:
        moves = index_returns(data)[QUIET]
        return float(np.mean([np.corrcoef(moves[:-lag], moves[lag:] ** 2)[0, 1] for lag in range(1, 6)]))

    assert -0.30 < mean_over_seeds(leverage) < -0.02


def test_the_night_has_its_share_of_the_variance() -> None:
    """A fifth for the Dow Jones stocks of the 1990s (Hansen & Lunde 2005), up to two fifths since."""

    def overnight(data: MarketData) -> float:
        close, opening = stocks(data.panel.close, data), stocks(data.panel.open, data)
        gap = np.log(opening[1:] / close[:-1])
        return float(np.median(np.nanvar(gap, axis=0) / np.nanvar(returns(data), axis=0)))

    assert 0.20 < mean_over_seeds(overnight) < 0.45


def test_the_daily_range_fits_the_variance_from_open_to_close() -> None:
    """E[ln(high/low)^2] = 4 ln 2 times the variance for a driftless path (Parkinson 1980)."""

    def ratio(data: MarketData) -> float:
        high, low, opening, close = (
            stocks(field, data) for field in (data.panel.high, data.panel.low, data.panel.open, data.panel.close)
        )
        squared_range = np.nanmean(np.log(high / low)[QUIET] ** 2, axis=0)
        return float(np.median(squared_range / np.nanmean(np.log(close / opening)[QUIET] ** 2, axis=0)))

    assert mean_over_seeds(ratio) == pytest.approx(4.0 * np.log(2.0), rel=0.10)


def test_volume_is_log_normal_and_rises_with_the_size_of_the_move() -> None:
    """Karpoff 1987; Ajinkya & Jain 1989; Cont 2001, property 10."""

    def correlation(data: MarketData) -> float:
        volume, moves = np.log(stocks(data.panel.volume, data)[1:]), np.abs(returns(data))
        seen = np.isfinite(volume) & np.isfinite(moves)
        pairs = [
            np.corrcoef(volume[seen[:, column], column], moves[seen[:, column], column])[0, 1]
            for column in range(volume.shape[1])
        ]
        return float(np.median(pairs))

    def skew(data: MarketData) -> float:
        volume = np.log(stocks(data.panel.volume, data)[QUIET])
        centred = volume - np.nanmean(volume, axis=0)
        return float(np.median(np.nanmean(centred**3, axis=0) / np.nanstd(volume, axis=0) ** 3))

    assert 0.35 < mean_over_seeds(correlation) < 0.65
    assert abs(mean_over_seeds(skew)) < 0.5


def test_results_come_four_times_a_year_with_moves_several_times_those_of_other_days() -> None:
    """Beaver 1968; Patell & Wolfson 1984."""
    ratios, reports = [], []
    for seed in SEEDS:
        data = market(seed)
        roster = firms.companies()
        lives = firms.lifetimes(seed, roster, len(data.panel.sessions))
        events = happenings.schedule(seed, lives, data.hours)
        earnings = events.kind == happenings.Kind.EARNINGS
        columns = [data.panel.column(company.tickers[0]) for company in roster]
        gap = np.abs(np.log(data.panel.open[1:, columns] / data.panel.close[:-1, columns]))
        on_results = gap[events.session[earnings] - 1, events.company[earnings]]
        ratios.append(np.nanmean(on_results**2) / np.nanmean(gap**2))
        reports.append(earnings.sum() / sum(len(life.listed) for life in lives) * 252)
    assert 6.0 < np.mean(ratios) < 30.0
    assert np.mean(reports) == pytest.approx(4.0, abs=0.15)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_crash_takes_about_what_the_spring_of_2020_took(seed: int) -> None:
    """The S&P 500 fell by a third from 19 February to 23 March 2020."""
    panel = market(seed).panel
    first = int(np.searchsorted(panel.sessions, np.datetime64(date(2020, 2, 18))))
    last = int(np.searchsorted(panel.sessions, np.datetime64(date(2020, 3, 20))))
    fall = panel.close[last, -1] / panel.close[first - 1, -1] - 1.0
    assert -0.38 < fall < -0.22


def residual_outcome(data: MarketData, seed: int) -> Floats:
    """Ten-session returns without what market and sector explain: residuals on beta and sector, session by session."""
    roster = firms.companies()
    company_of = firms.share_classes(roster)
    load = risk.loadings(seed, roster)
    outcome = forward_returns(data.panel, len(company_of))
    sectors = (load.sector[company_of, None] == np.arange(11)).astype(float)
    factors = np.column_stack([load.beta[company_of], sectors, sectors * load.sector_beta[company_of, None]])
    for row in outcome:
        seen = np.isfinite(row)
        if seen.any():
            row[seen] -= factors[seen] @ np.linalg.lstsq(factors[seen], row[seen], rcond=None)[0]
    return outcome


def news_score(data: MarketData, seed: int) -> Floats:
    """Sum of the tones of the headlines of the last five opens, misleading ones included: what a reader can know."""
    roster = firms.companies()
    sessions = len(data.panel.sessions)
    events = happenings.schedule(seed, firms.lifetimes(seed, roster, sessions), data.hours)
    score = np.zeros((sessions + 10, len(roster)))
    for age in range(5):
        np.add.at(score, (events.first_tradable + age, events.company), events.tone)
    return score[:sessions][:, firms.share_classes(roster)]


def past_return_score(data: MarketData, sessions: int) -> Floats:
    """Log return of the last `sessions` closes before each open."""
    close = np.log(data.panel.close[:, :-1])
    score = np.full_like(close, np.nan)
    score[sessions + 1 :] = close[sessions:-1] - close[: -sessions - 1]
    return score


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """How far each score orders the residual returns of one market, and what its answer key says."""

    scores: dict[str, RankIC]
    oracle: float
    drift: str


@cache
def control(seed: int, truth: Truth) -> Control:
    kept = seed in SEEDS and truth == "null"
    data = (market if kept else make_market)(seed, truth)
    outcome = residual_outcome(data, seed)
    scores = {
        "news": news_score(data, seed),
        "five sessions": past_return_score(data, 5),
        "three months": past_return_score(data, 63),
    }
    return Control(
        scores={name: rank_ic(score, outcome) for name, score in scores.items()},
        oracle=float(data.truth["oracle_rank_ic_10"]),
        drift=data.truth["drift_bp_per_session"],
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["news", "five sessions", "three months"])
def test_nothing_known_foretells_anything_in_the_null_market(name: str) -> None:
    found = [control(seed, "null").scores[name] for seed in CONTROL_SEEDS]
    pooled = np.mean([item.mean for item in found])
    standard_error = np.sqrt(np.mean([item.standard_error**2 for item in found]) / len(found))
    assert abs(pooled) < 3.0 * standard_error
    assert standard_error < 0.005


@pytest.mark.slow
@pytest.mark.parametrize("name", ["news", "three months"])
def test_news_and_momentum_foretell_returns_in_the_planted_market(name: str) -> None:
    found = [control(seed, "planted").scores[name] for seed in CONTROL_SEEDS]
    assert np.mean([item.mean for item in found]) > 0.02
    assert sum(item.mean > 3.0 * item.standard_error for item in found) >= 5


@pytest.mark.slow
def test_the_answer_key_orders_planted_returns_and_not_null_ones() -> None:
    planted = [control(seed, "planted") for seed in CONTROL_SEEDS]
    null = np.array([control(seed, "null").oracle for seed in CONTROL_SEEDS])
    assert 0.05 < np.mean([item.oracle for item in planted]) < 0.09
    assert min(item.oracle for item in planted) > 0.03
    assert abs(null.mean()) < 3.0 * null.std(ddof=1) / np.sqrt(len(null))
    assert planted[0].drift == "8.00"
