"""Is this broker what the desk takes it for? Ten small test orders, a verdict on each promise, and nothing left behind.

Prices are far from any market but for the two shares that are bought and sold again, so that nothing else can fill.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal

from tenthman.config import Config
from tenthman.data.calendar import sessions_between
from tenthman.data.tables import TICKER, TICKER_RULE
from tenthman.domain.broker import BrokerClock, PriceChange
from tenthman.domain.errors import BrokerError, ConfigError, OrderRejected
from tenthman.domain.findings import Check
from tenthman.domain.order import BrokerOrder, Fill, OrderStatus, OrderType, Purpose, Side, SizedOrder, TimeInForce
from tenthman.exchange.practice import make_practice_market, practice_range
from tenthman.exchange.process import ExchangeProcess
from tenthman.execution.trial import TrialBroker
from tenthman.scheduler.gathering.live_market import paper_keys
from tenthman.utils.symbols import from_any, to_wire

SHARES = 2
LOOKS, PAUSE_S = 80, 0.25
_PASSED = (Check(rule="broker check", observed="1 share at 2 USD", limit="2 USD", passed=True),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One promise of the broker. `kept` is None where it could not be tried, such as while the market is closed."""

    promise: str
    kept: bool | None
    found: str


class _Broken(Exception):
    """The broker did something else than it should."""


class _Untried(Exception):
    """Nothing can be said about it now."""


@dataclass(slots=True, kw_only=True)
class _Trial:
    broker: TrialBroker
    ticker: str
    pause: Callable[[float], None]
    clock: BrokerClock
    cash: Decimal
    held: Decimal
    prefix: str = field(default_factory=lambda: f"check-{secrets.token_hex(5)}")
    ours: set[str] = field(default_factory=set)

    def name(self, part: str) -> str:
        return f"{self.prefix}-{part}"

    def place(self, part: str, side: Side, quantity: int, **terms: object) -> BrokerOrder:
        body = {"symbol": to_wire(self.ticker), "side": side.value, "qty": quantity, "time_in_force": "gtc"}
        order = self.broker.place({**body, **terms, "client_order_id": self.name(part)})
        self.ours.add(order.id)
        return order

    def until(self, part: str, status: OrderStatus) -> BrokerOrder:
        """The order once it has that status; it is looked at for some seconds."""
        found = None
        for look in range(LOOKS):
            found = self.broker.find(self.name(part))
            if found is not None and found.status is status:
                return found
            if look:
                self.pause(PAUSE_S)
        raise _Broken(f"never became {status.value}: {'not found' if found is None else found.status.value}")

    def require_open(self) -> None:
        if not self.clock.is_open:
            raise _Untried("the market is closed: try again during the session")

    def position(self) -> Decimal:
        return sum((item.quantity for item in self.broker.positions() if item.ticker == self.ticker), Decimal(0))

    def fills(self) -> list[Fill]:
        return [fill for fill in self.broker.fills(None) if fill.broker_order_id in self.ours]


def check_broker(broker: TrialBroker, ticker: str, pause: Callable[[float], None] = time.sleep) -> tuple[Verdict, ...]:
    """Try every promise in turn, on `ticker`; what was ordered is cancelled and what was bought is sold in any case.

    BrokerUnavailable when the account cannot even be read.
    """
    account = broker.account()
    trial = _Trial(broker=broker, ticker=ticker, pause=pause, clock=broker.clock(), cash=account.cash, held=Decimal(0))
    trial.held = trial.position()
    verdicts = []
    try:
        for promise, attempt in _PROMISES:
            verdicts.append(_verdict(promise, attempt, trial))
    finally:
        verdicts.append(_verdict("leaves nothing behind", _clean_up, trial))
    return tuple(verdicts)


@contextmanager
def broker_on_trial(config: Config, endpoint: str, ticker: str | None) -> Iterator[tuple[TrialBroker, str]]:
    """Our own exchange inside a session, or the paper account of the keys in the environment; and what is traded.

    ConfigError for a `ticker` that is none, that the practice market has not, or without keys.
    """
    ticker = None if ticker is None else _ticker(ticker)
    if endpoint == "paper":
        key, secret = paper_keys(config)
        yield TrialBroker(None, key, secret, config.settings.broker), ticker or "SPY"
        return
    market = make_practice_market(1, "null", sessions_between(*practice_range())[:300])
    start = market.hours[-2].open_at + (market.hours[-2].close_at - market.hours[-2].open_at) / 2
    tickers = {listing.ticker for listing in market.universe.listings} | {market.universe.index_ticker}
    traded = ticker or market.universe.index_ticker
    if traded not in tickers:
        raise ConfigError(f"`--symbol` must be traded on the practice market, was {traded!r}")
    cash = Decimal(config.settings.rehearsal.starting_cash_usd)
    log = config.home / "logs" / "exchange.log"
    with ExchangeProcess(market, config.settings.costs, cash, "check", start, log) as process:
        yield TrialBroker(process.rest_url, process.key, process.secret, config.settings.broker), traded


def _ticker(symbol: str) -> str:
    ticker = from_any(symbol.strip().upper())
    if not TICKER.fullmatch(ticker):
        raise ConfigError(f"`--symbol` {TICKER_RULE}, was {symbol!r}")
    return ticker


def _verdict(promise: str, attempt: Callable[[_Trial], str], trial: _Trial) -> Verdict:
    try:
        return Verdict(promise=promise, kept=True, found=attempt(trial))
    except _Untried as reason:
        return Verdict(promise=promise, kept=None, found=str(reason))
    except (_Broken, BrokerError) as error:
        return Verdict(promise=promise, kept=False, found=str(error))


def _market(trial: _Trial) -> str:
    sent = trial.place("market", Side.BUY, SHARES, type="market", time_in_force="day")
    if not trial.clock.is_open:
        trial.broker.cancel(sent.id)
        raise _Untried("the market is closed: taken, and cancelled again")
    filled = trial.until("market", OrderStatus.FILLED)
    return f"{filled.filled_quantity} {trial.ticker} at {filled.filled_avg_price}"


def _limit(trial: _Trial) -> str:
    sent = trial.place("limit", Side.BUY, 1, type="limit", limit_price=1.0)
    if sent.id not in {order.id for order in trial.broker.open_orders()}:
        raise _Broken(f"{sent.id} was taken and is not among the open orders")
    return f"rests at {sent.limit_price}, {sent.status.value}"


def _duplicate(trial: _Trial) -> str:
    first = trial.broker.find(trial.name("limit"))
    if first is None:
        raise _Broken("the limit order cannot be looked up by its client order id")
    message = _refusal(lambda: trial.place("limit", Side.BUY, 1, type="limit", limit_price=1.0))
    if "unique" not in message:
        raise _Broken(f"refused for another reason: {message}")
    return "refused, and the first is found by its name"


def _replace(trial: _Trial) -> str:
    trial.require_open()
    old = trial.until("limit", OrderStatus.NEW)
    change = PriceChange(client_order_id=trial.name("limit-2"), limit_price=Decimal("1.10"))
    new = trial.broker.replace(old.id, change)
    trial.ours.add(new.id)
    trial.until("limit", OrderStatus.REPLACED)
    current = trial.until("limit-2", OrderStatus.NEW)
    if (current.id == old.id) or current.limit_price != change.limit_price:
        raise _Broken(f"the new order has limit {current.limit_price} and id {current.id}")
    return "a new order with a new id at 1.10"


def _cancel(trial: _Trial) -> str:
    part = "limit-2" if trial.broker.find(trial.name("limit-2")) is not None else "limit"
    order = trial.broker.find(trial.name(part))
    if order is None or not trial.broker.cancel(order.id):
        raise _Broken("the resting order could not be cancelled")
    trial.until(part, OrderStatus.CANCELED)
    if trial.broker.cancel(order.id):
        raise _Broken("a cancelled order was cancelled once more")
    return "cancelled once, and not twice"


def _bracket(trial: _Trial) -> str:
    sent = trial.broker.submit(_entry(trial))
    trial.ours.add(sent.id)
    kinds = sorted(leg.order_type.value for leg in sent.legs)
    if kinds != [OrderType.LIMIT.value, OrderType.STOP.value]:
        raise _Broken(f"legs must be a target and a stop, were {kinds}")
    again = trial.broker.submit(_entry(trial))
    if again.id != sent.id:
        raise _Broken(f"sent again it became another order: {again.id}")
    return "an entry with target and stop; sent again it is the same one"


def _bracket_cancel(trial: _Trial) -> str:
    sent = trial.broker.find(trial.name("bracket"))
    if sent is None:
        raise _Broken("the bracket cannot be found")
    trial.broker.cancel(sent.id)
    over = trial.until("bracket", OrderStatus.CANCELED)
    alive = [leg.order_type.value for leg in over.legs if not leg.status.is_final]
    if alive:
        raise _Broken(f"legs outlive their entry: {alive}")
    return "entry, target and stop are over together"


def _overspent(trial: _Trial) -> str:
    shares = int(trial.broker.account().buying_power) + 1
    message = _refusal(lambda: trial.place("overspent", Side.BUY, shares, type="limit", limit_price=2.0))
    if "buying power" not in message:
        raise _Broken(f"refused for another reason: {message}")
    return "refused: buying power"


def _sub_penny(trial: _Trial) -> str:
    return _refusal(lambda: trial.place("sub-penny", Side.BUY, 1, type="limit", limit_price=1.001)).rpartition(": ")[2]


def _stop(trial: _Trial) -> str:
    trial.require_open()
    trial.place("stop", Side.SELL, 1, type="stop", stop_price=1.0)
    old = trial.until("stop", OrderStatus.NEW)
    change = PriceChange(client_order_id=trial.name("stop-2"), stop_price=Decimal("1.10"))
    trial.ours.add(trial.broker.replace(old.id, change).id)
    moved = trial.until("stop-2", OrderStatus.NEW)
    if moved.stop_price != change.stop_price:
        raise _Broken(f"the stop stands at {moved.stop_price}")
    trial.broker.cancel(moved.id)
    trial.until("stop-2", OrderStatus.CANCELED)
    return "rests, moves to 1.10, and is cancelled"


def _close(trial: _Trial) -> str:
    trial.require_open()
    trial.place("close", Side.SELL, SHARES, type="market", time_in_force="day")
    filled = trial.until("close", OrderStatus.FILLED)
    if trial.position() != trial.held:
        raise _Broken(f"{trial.position()} {trial.ticker} are held, {trial.held} were before")
    return f"{filled.filled_quantity} sold at {filled.filled_avg_price}; {trial.held} held as before"


def _books(trial: _Trial) -> str:
    """Every execution is told once, and cash has moved by exactly what they say."""
    trial.require_open()
    fills = trial.fills()
    moved = sum((fill.quantity * fill.price * (1 if fill.side is Side.SELL else -1) for fill in fills), Decimal(0))
    shares = {side: sum(fill.quantity for fill in fills if fill.side is side) for side in Side}
    if set(shares.values()) != {SHARES}:
        raise _Broken(f"{SHARES} shares were bought and sold, fills tell of {shares[Side.BUY]} and {shares[Side.SELL]}")
    cash = trial.broker.account().cash
    if cash != trial.cash + moved:
        raise _Broken(f"cash must be {trial.cash + moved}, was {cash} (does anything else trade this account?)")
    return f"{len(fills)} fills, {moved} USD, to the cent"


def _clean_up(trial: _Trial) -> str:
    """Cancel what is left of ours, and sell what was bought."""
    for order in trial.broker.open_orders():
        if order.client_order_id.startswith(trial.prefix):
            trial.broker.cancel(order.id)
    left = [
        order.client_order_id for order in trial.broker.open_orders() if order.client_order_id.startswith(trial.prefix)
    ]
    extra = trial.position() - trial.held
    if extra > 0 and not left:
        trial.place("clean-up", Side.SELL, int(extra), type="market", time_in_force="day")
        trial.until("clean-up", OrderStatus.FILLED)
    elif left:
        raise _Broken(f"still open: {', '.join(left)}; bought and not sold: {extra} {trial.ticker}")
    return "no order of the check is open, nothing of it is held"


def _refusal(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OrderRejected as refusal:
        return str(refusal)
    raise _Broken("taken, although it must be refused")


def _entry(trial: _Trial) -> SizedOrder:
    return SizedOrder(
        client_order_id=trial.name("bracket"),
        decision_id=trial.name("bracket"),
        purpose=Purpose.ENTRY,
        ticker=trial.ticker,
        side=Side.BUY,
        quantity=Decimal(1),
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        limit_price=Decimal("2.00"),
        stop_price=Decimal("1.00"),
        target_price=Decimal("3.00"),
        checks=_PASSED,
    )


_PROMISES: tuple[tuple[str, Callable[[_Trial], str]], ...] = (
    ("a market order fills", _market),
    ("a limit order rests", _limit),
    ("a client order id counts once", _duplicate),
    ("an order can be replaced", _replace),
    ("an order can be cancelled", _cancel),
    ("a bracket has its legs", _bracket),
    ("a bracket ends as a whole", _bracket_cancel),
    ("more than the buying power is refused", _overspent),
    ("a price between two ticks is refused", _sub_penny),
    ("a stop rests and can be moved", _stop),
    ("a position can be closed", _close),
    ("fills and cash agree", _books),
)
