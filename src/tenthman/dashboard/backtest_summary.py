"""What a report says of a backtest: frozen facts, the same in the table, the page and the JSON."""

from dataclasses import dataclass
from datetime import date

from tenthman.dashboard.backtest_trades import Trade
from tenthman.dashboard.backtest_words import BASIS, COMMITTEES, survivorship
from tenthman.dashboard.facts import derived, facts
from tenthman.dashboard.scorecard_facts import WorthFacts
from tenthman.domain.market import Provenance

Values = tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure and the bounds of a confidence interval at `level`; None where it cannot be had."""

    value: float | None
    low: float | None
    high: float | None
    level: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """A signal model, the last session it could have learnt from, and the first session it decided in."""

    version: str
    trained_until: date
    used_from: date


@dataclass(frozen=True, slots=True, kw_only=True)
class CostFacts:
    """The run at one multiple of the configured costs. Returns and drawdown are fractions, Sharpe is annual.

    `psr` is the probability that the true Sharpe exceeds zero, `dsr` that it exceeds the expected maximum of all trials
    without skill, both given skew and kurtosis. Excess is a year, over the same sessions. `trades` counts the closed
    ones.
    """

    costs: float
    net_return: float
    annual_return: float | None
    volatility: float | None
    sharpe: Estimate
    psr: float | None
    dsr: float | None
    excess_equal_weight: Estimate
    excess_index: Estimate
    max_drawdown: float
    trades: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkFacts:
    """A benchmark over the same sessions; `beaten_by_luck` is the one-sided p of the desk's Sharpe above its."""

    name: str
    net_return: float
    annual_return: float | None
    volatility: float | None
    sharpe: float | None
    max_drawdown: float
    beaten_by_luck: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NullFacts:
    """What random entries brought under the same rules; `level` of their Sharpe ratios lie in `low`..`high`."""

    runs: int
    p_value: float
    level: float
    low: float
    median: float
    high: float
    mean_entries: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeFacts:
    """The returns and trades behind the ratios. `needed_sessions`: the track record that a Sharpe so high needs.

    None where it cannot be computed, or would take for ever. Returns of trades are fractions of what was paid.
    """

    skew: float | None
    kurtosis: float | None
    needed_sessions: float | None
    best_by_luck: float
    hit_rate: float | None
    profit_factor: float | None
    mean_trade: float | None
    mean_sessions_held: float | None
    drawdown_peak: date | None
    drawdown_bottom: date | None
    drawdown_recovered: date | None
    longest_below_peak: int


@dataclass(frozen=True, slots=True, kw_only=True)
class YearRow:
    """A calendar year: net returns by month (None: not traded), and of the year beside the benchmarks."""

    year: int
    months: Values
    net_return: float
    index: float | None
    equal_weight: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BookFacts:
    """How the money was used: shares of equity at the close, turnovers of the account a year, positions."""

    mean_exposure: float
    most_exposure: float
    turnover_a_year: float
    mean_positions: float
    most_positions: int
    ends: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class LatchRow:
    """A move of the trading state; `step` counts the steps of the session, 0 is the morning run."""

    session: date
    step: int
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IcMonth:
    """How scores and what came after them agreed in one month: correlation, and of ranks."""

    month: str
    ic: float | None
    rank_ic: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IcFacts:
    """Information coefficients over `horizon` sessions ahead; `icir` is the mean rank IC over its deviation.

    `p_value` is one-sided: how often scores without skill would show a mean rank IC at least so high.
    """

    horizon: int
    sessions: int
    ic: float | None
    rank_ic: Estimate
    icir: float | None
    p_value: float | None
    positive_share: float | None
    months: tuple[IcMonth, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRow:
    """One part of the period, by year or by what the market did; `excess` over equal weight is a year."""

    group: str
    name: str
    sessions: int
    net_return: float
    sharpe: float | None
    excess: float
    rank_ic: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AblationRow:
    """The same period with parts of the desk left out."""

    name: str
    net_return: float
    sharpe: Estimate
    excess: Estimate
    max_drawdown: float
    trades: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowFacts:
    """Entries taken away by the committee for one cause that would have ended one way; `result_usd` after costs."""

    cause: str
    ended: str
    number: int
    tickers: int
    result_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """Series at each close, all of one length; None where there is nothing to show.

    `equity` is net of regulatory fees (USD), benchmarks and nulls start from the same cash.
    """

    sessions: tuple[date, ...]
    equity: Values
    index: Values
    equal_weight: Values
    null_low: Values
    null_middle: Values
    null_high: Values
    drawdown: Values
    rolling_sharpe: Values
    rolling_equal_weight: Values
    exposure: Values
    positions: tuple[int, ...]
    turnover: Values


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestReport:
    """A backtest told in figures. Money is USD; `figures` has one entry for each multiple of costs, the run's first.

    `unexplained_usd` is what of the change of equity the trades, dividends and fees do not add up to.
    """

    market: Provenance
    committee: str
    costs: float
    costs_sentence: str
    models: tuple[ModelFacts, ...]
    config_hash: str
    trials: int
    looks: int
    starting_cash: float
    end_equity: float
    fees: float
    dividends: float
    unexplained_usd: float
    index_ticker: str
    claim: str
    claims: bool
    against: tuple[str, ...]
    warnings: tuple[str, ...]
    figures: tuple[CostFacts, ...]
    benchmarks: tuple[BenchmarkFacts, ...]
    nulls: NullFacts | None
    shape: ShapeFacts
    years: tuple[YearRow, ...]
    book: BookFacts
    considered: int
    denials: dict[str, int]
    orders: dict[str, int]
    latch: tuple[LatchRow, ...]
    ic: IcFacts | None
    splits: tuple[SplitRow, ...]
    ablation: tuple[AblationRow, ...]
    shadows: tuple[ShadowFacts, ...]
    worth: WorthFacts | None
    trades: tuple[Trade, ...]
    curves: Curves
    seconds: dict[str, float]

    @property
    def headline(self) -> str:
        """What kind of market it was, first of all."""
        return self.market.headline

    @property
    def survivorship(self) -> str:
        """What the choice of names does to the figures."""
        return survivorship(self.market)

    @property
    def first(self) -> date:
        """The first session."""
        return self.curves.sessions[0]

    @property
    def last(self) -> date:
        """The last session."""
        return self.curves.sessions[-1]

    @property
    def sessions(self) -> int:
        """How many sessions there were."""
        return len(self.curves.sessions)

    @property
    def committee_sentence(self) -> str:
        """Who sat on the committee."""
        return COMMITTEES[self.committee]

    @property
    def basis(self) -> str:
        """What the benchmarks pay and hold."""
        return BASIS

    def as_dict(self) -> dict[str, object]:
        """The whole report in JSON types, what follows from other figures included."""
        return derived(self) | facts(self)
