"""What a report says of a run: frozen facts, all of them read back from the record."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from tenthman.dashboard.backtest_summary import Estimate
from tenthman.dashboard.facts import derived, facts
from tenthman.domain.market import MarketKind, Provenance
from tenthman.scheduler.outcomes.story import TradeRow


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketFacts:
    """What was traded; `kind` is pack, yahoo, practice or live."""

    market_id: str
    kind: str
    name: str
    description: str
    source: str
    price_basis: str
    licence: str
    content_hash: str

    @property
    def headline(self) -> str:
        """The market's kind and name as every page and table begins."""
        return Provenance(
            kind=MarketKind(self.kind),
            name=self.name,
            description=self.description,
            source=self.source,
            price_basis=self.price_basis,
            licence=self.licence,
            content_hash=self.content_hash,
        ).headline


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityPoint:
    """The account at one check (USD). `drawdown` and `day_loss` are fractions below the peak and the day's start."""

    at: datetime
    session: date
    equity: Decimal
    cash: Decimal
    invested: Decimal
    positions: int
    drawdown: float
    day_loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkPoint:
    """What one USD became by the close of `session`: in the index, and spread equally over the first members."""

    session: date
    index: float
    equal_weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChange:
    """One move of the trading state."""

    state: str
    reason: str
    changed_by: str
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTripRow(TradeRow):
    """One trade (USD) with `unrealised_usd` at the last check, None once it is closed."""

    unrealised_usd: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorecard:
    """What one critic did: opinions by stance, questions by what became of them, and what was bought all the same.

    `bought_against` counts trades that were opened although this critic would have vetoed or shrunk them, and
    `realised_against` what those realised (USD, after fees).
    """

    role: str
    model: str
    binding: bool
    stances: dict[str, int]
    states: dict[str, int]
    bought_against: int
    realised_against: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowRow:
    """Shadow positions of one cause that ended one way (None: still open); `pnl` in USD after costs."""

    cause: str
    ended: str | None
    number: int
    tickers: int
    pnl: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """A run told in figures. Money is USD; returns, drawdowns and `drawdown_limit` are fractions.

    `dividends` are what a finished run was paid. `drawdown_limit` is the tightest that a check was made against.
    `excess_equal_weight` is over the whole period, before regulatory fees. What follows from other figures is a
    property; `equity` and `benchmarks` have at least one point.
    """

    run_id: str
    world: str
    status: str
    started_at: datetime
    market: MarketFacts
    first: date
    last: date
    model_version: str
    trained_until: date
    config_hash: str
    decisions: int
    proposals: int
    reviewed: int
    vetoed: int
    vetoes: dict[str, int]
    denials: dict[str, int]
    orders: dict[str, int]
    fills: int
    fees: Decimal
    dividends: Decimal
    index_ticker: str
    equal_weight_names: int
    benchmark_basis: str
    excess_equal_weight: Estimate
    drawdown_limit: float | None
    states: tuple[StateChange, ...]
    committee: str
    audit: str
    digest: str
    equity: tuple[EquityPoint, ...]
    benchmarks: tuple[BenchmarkPoint, ...]
    trades: tuple[RoundTripRow, ...]
    scorecards: tuple[Scorecard, ...]
    shadows: tuple[ShadowRow, ...]

    @property
    def headline(self) -> str:
        """What kind of market it was, first of all."""
        return self.market.headline

    @property
    def sessions(self) -> int:
        """Sessions with at least one check."""
        return len({point.session for point in self.equity})

    @property
    def claim(self) -> str:
        """What a run so short can claim."""
        trades = "1 trade" if len(self.trades) == 1 else f"{len(self.trades)} trades"
        return f"{self.sessions} sessions with {trades} cannot tell skill from luck, whatever the figures say."

    @property
    def start_equity(self) -> Decimal:
        """The account at the first check."""
        return self.equity[0].equity

    @property
    def end_equity(self) -> Decimal:
        """The account at the last check."""
        return self.equity[-1].equity

    @property
    def pnl(self) -> Decimal:
        """The change of equity minus `fees`: the desk's own ledger has regulatory fees, our exchange charges none."""
        return self.end_equity - self.start_equity - self.fees

    @property
    def return_(self) -> float:
        """`pnl` as a fraction of what the run began with."""
        return float(self.pnl / self.start_equity)

    @property
    def realised(self) -> Decimal:
        """What closed trades brought."""
        return sum((trade.realised_usd for trade in self.trades), Decimal(0))

    @property
    def unrealised(self) -> Decimal:
        """What is still held stands above what was paid for it."""
        return sum((trade.unrealised_usd or Decimal(0) for trade in self.trades), Decimal(0))

    @property
    def unexplained(self) -> Decimal:
        """What of `pnl` the trades and dividends do not add up to: rounding, or a fault."""
        return self.pnl - self.realised - self.unrealised - self.dividends

    @property
    def index_return(self) -> float:
        """Of the index over the period."""
        return self.benchmarks[-1].index - 1.0

    @property
    def equal_weight_return(self) -> float:
        """Of all names in equal parts over the period."""
        return self.benchmarks[-1].equal_weight - 1.0

    @property
    def max_drawdown(self) -> float:
        """The deepest fall below the peak at any check."""
        return max(point.drawdown for point in self.equity)

    @property
    def max_day_loss(self) -> float:
        """The deepest fall below a day's start at any check."""
        return max(point.day_loss for point in self.equity)

    @property
    def trading_state(self) -> str:
        """Every state the run was in, and why."""
        if not self.states:
            return "unknown: the run has no trading state on record"
        story = [f"{item.state} since {item.changed_at:%Y-%m-%d %H:%M} UTC ({item.reason})" for item in self.states]
        return ", then ".join(story)

    def as_dict(self) -> dict[str, object]:
        """The whole report in JSON types, what follows from other figures included; `return_` is spelled "return"."""
        body = derived(self) | facts(self)
        return {("return" if name == "return_" else name): value for name, value in body.items()}
