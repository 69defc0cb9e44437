"""What a report says of a run: frozen facts, all of them read back from the record."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from tenthman.domain.canonical import plain
from tenthman.scheduler.story import TradeRow


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

    `pnl` is the change of equity minus `fees`, the regulatory fees of the desk's own ledger, which the exchange and
    paper trading do not charge. `dividends` are what a finished run was paid. `unexplained` is what of `pnl` the trades
    and dividends do not add up to: rounding, or a fault.
    """

    headline: str
    run_id: str
    world: str
    status: str
    started_at: datetime
    market: MarketFacts
    first: date
    last: date
    sessions: int
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
    start_equity: Decimal
    end_equity: Decimal
    pnl: Decimal
    return_: float
    fees: Decimal
    realised: Decimal
    unrealised: Decimal
    dividends: Decimal
    unexplained: Decimal
    index_ticker: str
    index_return: float
    equal_weight_return: float
    equal_weight_names: int
    benchmark_basis: str
    max_drawdown: float
    max_day_loss: float
    drawdown_limit: float | None
    trading_state: str
    states: tuple[StateChange, ...]
    committee: str
    audit: str
    digest: str
    equity: tuple[EquityPoint, ...]
    benchmarks: tuple[BenchmarkPoint, ...]
    trades: tuple[RoundTripRow, ...]
    scorecards: tuple[Scorecard, ...]
    shadows: tuple[ShadowRow, ...]

    def as_dict(self) -> dict[str, object]:
        """The whole report in JSON types; `return_` is spelled "return"."""
        body = plain(self)
        assert isinstance(body, dict)
        return {("return" if name == "return_" else name): value for name, value in body.items() if name != "kind"}
