"""The replayed market: an exchange whose time is moved by its owner and whose prices are the paths of daily bars.

Prices of a market are split-adjusted, so a position's shares and an order's prices hold through a split. At each open,
before anything trades, what is left of the corporate actions happens: dividends are paid to who held at the close
before, where they are wanted and known, and delisted names are closed out. Settlement is immediate.
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

from tenthman.config import CostSettings
from tenthman.domain.broker import Account, BrokerClock, BrokerPosition
from tenthman.domain.checks import require_aware
from tenthman.domain.market import NEW_YORK, Bar, MarketData, SessionHours
from tenthman.domain.news import NewsItem
from tenthman.domain.order import Fill, OrderStatus, TimeInForce
from tenthman.exchange.composition import compose
from tenthman.exchange.corporate import close_out, pay_dividends, split_shares
from tenthman.exchange.floor import Floor
from tenthman.exchange.intake import intake
from tenthman.exchange.lasting import expiry, overdue
from tenthman.exchange.liquidity import Liquidity
from tenthman.exchange.matching import FillCosts
from tenthman.exchange.orders import (
    DividendPayment,
    ExchangeOrder,
    OrderEvent,
    OrderRequest,
    Refusal,
    Replacement,
    ShareSplit,
    SymbolChange,
    VenueRules,
)
from tenthman.exchange.prices import NewsTape
from tenthman.exchange.quotes import Quotes
from tenthman.exchange.register import NAMES
from tenthman.exchange.replacing import require_fitting, require_replaceable, successor
from tenthman.exchange.sessions import Timetable

__all__ = ["ExchangeOrder", "OrderEvent", "OrderRequest", "Refusal", "Replacement", "ReplayExchange", "VenueRules"]


class ReplayExchange:
    """One account trading on one market. Equal calls give equal orders, ids, fills and events.

    A cash account (multiplier 1, long only). `advance` is the only thing that moves time. An order that can fill at
    once does so inside `submit`, at the price now; what `submit` and `cancel` caused is handed out by `drain`, or
    else by the next `advance`. Dividends are paid only with `pays_dividends`, and where the market knows them.
    `rules` are what Alpaca's exchange does and a backtest leaves out. Ids of orders and executions follow from `names`,
    which must differ between accounts that are served together.
    """

    def __init__(
        self,
        market: MarketData,
        costs: CostSettings,
        starting_cash: Decimal,
        account_id: str,
        start: datetime,
        *,
        pays_dividends: bool = False,
        rules: VenueRules | None = None,
        names: UUID = NAMES,
    ) -> None:
        require_aware("start", start)
        self.market = market
        self._rules = rules or VenueRules()
        liquidity = Liquidity(self._rules.volume_share, self._rules.partial_chance)
        self._floor = Floor(starting_cash, FillCosts.of(costs), liquidity, names)
        self._starting_cash = starting_cash
        self._account_id = account_id
        self._names = names
        self._splits: list[ShareSplit] = []
        self._changes: list[SymbolChange] = []
        self._timetable = Timetable(market.hours)
        self._quotes = Quotes(market, self._timetable)
        self._news = NewsTape(market.headlines)
        self._pays_dividends = pays_dividends
        self._dividends: list[DividendPayment] = []
        self._close_marks: list[tuple[date, Decimal]] = []
        self._opened: int | None = None
        self._row = self._timetable.closed_by(start)
        self._now = start
        self._begin_volume()

    @property
    def now(self) -> datetime:
        """The exchange's time."""
        return self._now

    def advance(self, to: datetime) -> list[OrderEvent]:
        """Move time to `to` and return all events since the last call, in order of time; ValueError for going back."""
        require_aware("to", to)
        if to < self._now:
            raise ValueError(f"`to` must not be before {self._now}, was {to}")
        due = self._floor.next_due()
        while due is not None and due <= to:
            self._move(due)
            self._floor.settle(due)
            self._trade_now()
            due = self._floor.next_due()
        self._move(to)
        return self.drain()

    def drain(self) -> list[OrderEvent]:
        """Events not handed out yet, in order of time."""
        return self._floor.register.drain()

    def submit(self, request: OrderRequest) -> ExchangeOrder:
        """Take an order, or raise Refusal. The answer shows it as it was taken, before anything filled.

        Inside hours it is at work at once; outside it is `accepted` and waits for the next opening.
        """
        request, price, reserve = self._admit(request)
        now = self._fraction()
        status = OrderStatus.ACCEPTED if now is None else OrderStatus.PENDING_NEW
        number = len(self._floor.register)
        family = compose(request, number, status, price, self._now, self._expiry(request.time_in_force), self._names)
        self._floor.take(family, reserve, now)
        if now is not None:
            self._trade_now()
            self._floor.end_immediate(family[0].id, self._now)
        return family[0]

    def cancel(self, order_id: str) -> None:
        """Cancel an order and its family; Refusal 404 for an unknown id, 422 when it is final or waits for a change.

        With `latency` the order is `pending_cancel` until then; it can still fill, and then the cancel is rejected.
        """
        self._floor.ask_to_cancel(order_id, self._now, self._now + self._rules.latency)

    def replace(self, order_id: str, change: Replacement) -> ExchangeOrder:
        """Ask for an order to be replaced by one with a new id, which is the answer; or raise Refusal.

        The new order is behind all others in order of submission, and has what is left to fill. With `latency` the old
        one is `pending_replace` and can still fill: then the new one is rejected.
        """
        order = self.order(order_id)
        require_replaceable(order, change)
        self._floor.register.require_unused(change.client_order_id)
        lasts = change.time_in_force or order.time_in_force
        follower = successor(order, change, self._now, self._expiry(lasts))
        family = [follower if member.id == order.id else member for member in self._floor.register.family(order)]
        require_fitting(family[0], family[1:])
        self._floor.ask_to_replace(follower, change, self._now, self._now + self._rules.latency)
        self._trade_now()
        return follower

    def fill_in_part(self, symbol: str, share: Decimal) -> None:
        """Let the next execution in `symbol` be of `share` (between 0 and 1) of what is left of its order.

        It is rounded down to whole shares, at least one; an order for one share fills whole. The rest is tried again
        in the next half-hour of the session. Further calls queue up; ValueError for another share.
        """
        self._floor.liquidity.command(symbol, share)

    def halt(self, symbol: str) -> None:
        """Stop trading in `symbol` until `resume`: nothing fills, orders are taken and wait, the price stands still."""
        self._quotes.halt(symbol, self._now)

    def resume(self, symbol: str) -> None:
        """Trade `symbol` again, at where its path is by now."""
        if self._quotes.resume(symbol) and self._timetable.open_row(self._now) is not None:
            self._walk(self._now, self._now)

    def order(self, order_id: str) -> ExchangeOrder:
        """The order as it stands; Refusal 404."""
        return self._floor.register.find(order_id)

    def order_by_client_id(self, client_order_id: str) -> ExchangeOrder:
        """The order of that client order id, legs included; Refusal 404."""
        return self._floor.register.find_named(client_order_id)

    def orders(self, status: str = "all") -> list[ExchangeOrder]:
        """Orders that are "open" (not final), "closed" or "all", parents and legs, in order of submission."""
        if status not in ("open", "closed", "all"):
            raise ValueError(f"`status` must be open, closed or all, was {status!r}")
        if status == "open":
            return self._floor.register.open()
        return [order for order in self._floor.register.all() if status == "all" or order.status.is_final]

    def account(self) -> Account:
        """Cash, equity at path prices, and buying power: the cash that open buys do not hold back."""
        return Account(
            id=self._account_id,
            cash=self._floor.holdings.cash,
            equity=self._equity(),
            last_equity=self._last_equity(),
            buying_power=self._floor.buying_power,
            blocked=False,
        )

    def positions(self) -> list[BrokerPosition]:
        """Holdings by symbol, at path prices."""
        return [
            BrokerPosition(
                ticker=symbol,
                quantity=lot.quantity,
                avg_entry_price=lot.average,
                current_price=self._quotes.value(symbol, self._now),
            )
            for symbol, lot in sorted(self._floor.holdings.lots.items())
        ]

    def quantity_available(self, symbol: str) -> Decimal:
        """Shares of `symbol` held and not promised to open sells."""
        return self._floor.holdings.quantity(symbol) - self._floor.book.held(symbol)

    def fills(self) -> list[Fill]:
        """All executions, oldest first."""
        return list(self._floor.register.fills)

    @property
    def starting_cash(self) -> Decimal:
        """What the account began with, USD."""
        return self._starting_cash

    def equity_at_closes(self) -> list[tuple[date, Decimal]]:
        """Sessions that have closed since the start, and the equity at their closes, oldest first."""
        return list(self._close_marks)

    def dividends(self) -> list[DividendPayment]:
        """All dividends paid, oldest first."""
        return list(self._dividends)

    def split_shares(self, symbol: str, ratio: Fraction, *, whole: bool = False) -> None:
        """Make `ratio` shares of each one held of `symbol`; stops and the legs of brackets at work keep their prices.

        Plain limits that are good till cancelled are replaced by ones at the new price. A reverse split (`ratio` below
        1) cancels them, and all sells, which are of more than is held now. `whole`: for a part of a share cash is paid,
        at the last close.
        """
        holdings = self._floor.holdings
        held, cash = holdings.quantity(symbol), holdings.cash
        close = self._quotes.price(symbol, self._now) if whole else None
        price = None if close is None else close * ratio.denominator / ratio.numerator
        split_shares(self._floor, symbol, ratio, self._now, price)
        self._splits.append(
            ShareSplit(
                symbol=symbol,
                session=self._timetable.clock(self._now).next_open.astimezone(NEW_YORK).date(),
                new_rate=ratio.numerator,
                old_rate=ratio.denominator,
                at=self._now,
                gained=holdings.quantity(symbol) - held,
                paid=holdings.cash - cash,
            )
        )

    def splits(self) -> list[ShareSplit]:
        """All splits of shares so far, oldest first."""
        return list(self._splits)

    def rename(self, change: SymbolChange) -> None:
        """Note that a symbol goes by another name on the wire; in here nothing changes."""
        self._changes.append(change)

    def symbol_changes(self) -> list[SymbolChange]:
        """All renames so far, oldest first."""
        return list(self._changes)

    def is_delisted(self, symbol: str) -> bool:
        """Whether `symbol` has had its last bar in this market and a session without it has begun."""
        return self._quotes.is_delisted(symbol, self._now)

    def price(self, symbol: str, at: datetime | None = None) -> Decimal | None:
        """Path price at `at` (None: now); the last close outside hours and in a halt; None when no price is known.

        ValueError for an instant that is still to come.
        """
        at = self._now if at is None else at
        if at > self._now:
            raise ValueError(f"`at` must not be after {self._now}, was {at}")
        return self._quotes.price(symbol, at)

    def is_halted(self, symbol: str, at: datetime) -> bool:
        """Whether a session is open at `at` in which `symbol` has no bar, or it has been halted since before."""
        return self._quotes.is_halted(symbol, at)

    def bars(self, symbol: str, first: date, last: date) -> list[Bar]:
        """Daily bars of the sessions `first`..`last` that have closed by now, oldest first."""
        return self._quotes.bars(symbol, first, last, self._now)

    def news(self, after: datetime | None, until: datetime | None, symbols: Sequence[str] = ()) -> list[NewsItem]:
        """Headlines that became known in `after`..`until` (both included) and by now, oldest first; no symbols: all."""
        return self._news.between(after, self._now if until is None else min(until, self._now), symbols)

    def clock(self) -> BrokerClock:
        """Now, whether the market is open, and when it opens and closes next."""
        return self._timetable.clock(self._now)

    def calendar(self, first: date, last: date) -> tuple[SessionHours, ...]:
        """Sessions dated `first`..`last`, past and future."""
        return self._timetable.between(first, last)

    def _admit(self, request: OrderRequest) -> tuple[OrderRequest, Decimal | None, Decimal]:
        """The request with what it leaves unsaid, the price now, and what it has to hold back; Refusal."""
        request, price = intake(request, self._now, self._floor.register, self._quotes, self._timetable)
        return request, price, self._floor.admit(request, price)

    def _expiry(self, lasts: TimeInForce) -> datetime | None:
        return expiry(lasts, self._now, self._timetable, self._rules.gtc_days)

    def _move(self, to: datetime) -> None:
        hours = self.market.hours
        while self._row < len(hours) and hours[self._row].open_at <= to:
            session = hours[self._row]
            self._expire(session.open_at)
            begin, end = max(self._now, session.open_at), min(to, session.close_at)
            if self._now <= session.open_at and self._opened != self._row:
                self._open(session)
            self._walk(begin, end)
            self._now = end
            if end < session.close_at:
                break
            self._close(session)
        self._expire(to)
        self._now = to

    def _expire(self, until: datetime) -> None:
        """Orders good till cancelled end when their days are over."""
        if self._rules.gtc_days is None:
            return
        for at, order_id in overdue([self.order(resting.id) for resting in self._floor.book], until):
            self._floor.expire(order_id, at)

    def _fraction(self) -> float | None:
        row = self._timetable.open_row(self._now)
        return None if row is None else self._timetable.fraction(row, self._now)

    def _trade_now(self) -> None:
        """Let what has just come to work trade; all else has traded up to now."""
        row = self._timetable.open_row(self._now)
        if row is not None:
            at = self._timetable.fraction(row, self._now)
            paths = self._quotes.paths(row, self._floor.fresh())
            self._floor.walk_fresh(paths, at, lambda fraction: self._timetable.instant(row, fraction))

    def _open(self, session: SessionHours) -> None:
        self._opened = self._row
        if self._pays_dividends:
            self._dividends += pay_dividends(self._floor.holdings, self._quotes.tape, self._row, session, self._names)
        close_out(self._floor, self._quotes.tape, self._row, session.open_at)
        self._floor.open_session(session.open_at)
        self._begin_volume()
        if self._floor.awaits_opening:
            self._walk(session.open_at, session.open_at)
            self._floor.end_opening(session.open_at)

    def _begin_volume(self) -> None:
        self._floor.liquidity.begin(lambda symbol: self._quotes.tape.volume(self._row, symbol))

    def _close(self, session: SessionHours) -> None:
        self._floor.close_session(session.close_at)
        self._row += 1
        self._close_marks.append((session.session, self._equity()))

    def _walk(self, begin: datetime, end: datetime) -> None:
        row = self._row
        start, stop = self._timetable.fraction(row, begin), self._timetable.fraction(row, end)
        self._floor.walk(
            self._quotes.paths(row, self._floor.book),
            start,
            stop,
            lambda fraction: self._timetable.instant(row, fraction),
        )

    def _equity(self) -> Decimal:
        worth = (
            lot.quantity * self._quotes.value(symbol, self._now) for symbol, lot in self._floor.holdings.lots.items()
        )
        return self._floor.holdings.cash + sum(worth, Decimal(0))

    def _last_equity(self) -> Decimal:
        today = self._now.astimezone(NEW_YORK).date()
        marks = (equity for session, equity in reversed(self._close_marks) if session < today)
        return next(marks, self._starting_cash)
