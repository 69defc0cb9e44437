"""The replayed market: an exchange whose time is moved by its owner and whose prices are the paths of daily bars.

Prices of a market are split-adjusted, so a position's shares and an order's prices hold through a split. At each open,
before anything trades, what is left of the corporate actions happens: dividends are paid to who held at the close
before, where they are wanted and known, and delisted names are closed out. Settlement is immediate.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID, uuid5

from tenthman.config import CostSettings
from tenthman.domain.checks import require_aware
from tenthman.domain.market import Bar, MarketData, SessionHours
from tenthman.domain.money import e4
from tenthman.domain.news import NewsItem
from tenthman.domain.order import (
    Account,
    BrokerClock,
    BrokerPosition,
    Fill,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
    payout_order_id,
)
from tenthman.exchange import admission
from tenthman.exchange.holdings import Holdings
from tenthman.exchange.matching import Book, FillCosts, Outcome, Resting, Step, match
from tenthman.exchange.orders import Code, DividendPayment, EventName, ExchangeOrder, OrderEvent, OrderRequest, Refusal
from tenthman.exchange.path import Path
from tenthman.exchange.prices import NewsTape, PriceTape, quoted, sessions_closed
from tenthman.exchange.sessions import NEW_YORK, Timetable

__all__ = ["ExchangeOrder", "OrderEvent", "OrderRequest", "Refusal", "ReplayExchange"]

_NAMES = UUID("6f2c3c8e-6a0b-5d0f-9a53-3d6f2b1c7e10")


class ReplayExchange:
    """One account trading on one market. Equal calls give equal orders, ids, fills and events.

    A cash account (multiplier 1, long only). `advance` is the only thing that moves time. An order that can fill at
    once does so inside `submit`, at the price now; what `submit` and `cancel` caused is handed out by `drain`, or
    else by the next `advance`. Dividends are paid only with `pays_dividends`, and where the market knows them.
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
    ) -> None:
        require_aware("start", start)
        self.market = market
        self._costs = FillCosts.of(costs)
        self._holdings = Holdings(starting_cash)
        self._starting_cash = starting_cash
        self._account_id = account_id
        self._timetable = Timetable(market.hours)
        self._prices = PriceTape(market)
        self._news = NewsTape(market.headlines)
        self._book = Book()
        self._orders: dict[str, ExchangeOrder] = {}
        self._open_ids: dict[str, None] = {}
        self._ids: dict[str, str] = {}
        self._fills: list[Fill] = []
        self._events: list[OrderEvent] = []
        self._pays_dividends = pays_dividends
        self._dividends: list[DividendPayment] = []
        self._close_marks: list[tuple[date, Decimal]] = []
        self._opened: int | None = None
        self._row = self._timetable.closed_by(start)
        self._now = start

    @property
    def now(self) -> datetime:
        """The exchange's time."""
        return self._now

    def advance(self, to: datetime) -> list[OrderEvent]:
        """Move time to `to` and return all events since the last call, in order of time; ValueError for going back."""
        require_aware("to", to)
        if to < self._now:
            raise ValueError(f"`to` must not be before {self._now}, was {to}")
        hours = self.market.hours
        while self._row < len(hours) and hours[self._row].open_at <= to:
            session = hours[self._row]
            begin, end = max(self._now, session.open_at), min(to, session.close_at)
            if self._now <= session.open_at and self._opened != self._row:
                self._open(session)
            self._walk(begin, end)
            self._now = end
            if end < session.close_at:
                break
            self._close(session)
        self._now = to
        return self.drain()

    def drain(self) -> list[OrderEvent]:
        """Events not handed out yet, in order of time."""
        events, self._events = self._events, []
        return events

    def submit(self, request: OrderRequest) -> ExchangeOrder:
        """Take an order, or raise Refusal. The answer shows it as it was taken, before anything filled.

        Inside hours it is at work at once; outside it is `accepted` and waits for the next opening.
        """
        reserve = self._admit(request)
        is_open = self._timetable.open_row(self._now) is not None
        entry = self._enter(request, OrderStatus.PENDING_NEW if is_open else OrderStatus.ACCEPTED)
        self._book.place(self._rest(entry, reserve))
        self._tell("pending_new" if is_open else "accepted", entry)
        if is_open:
            self._change("new", entry.id, self._now, status=OrderStatus.NEW)
            self._walk(self._now, self._now)
        return entry

    def cancel(self, order_id: str) -> None:
        """Cancel an order and its bracket; Refusal 404 for an unknown id, 422 when it is already final."""
        order = self.order(order_id)
        if order.status.is_final:
            message = f'order is already in "{order.status.value}" state'
            raise Refusal(422, Code.RULE, message, {"id": order_id})
        self._withdraw(order_id, self._now)

    def order(self, order_id: str) -> ExchangeOrder:
        """The order as it stands; Refusal 404."""
        found = self._orders.get(order_id)
        if found is None:
            raise Refusal(404, Code.NOT_FOUND, f"order not found for {order_id}")
        return found

    def order_by_client_id(self, client_order_id: str) -> ExchangeOrder:
        """The order of that client order id, legs included; Refusal 404."""
        found = self._ids.get(client_order_id)
        if found is None:
            raise Refusal(404, Code.NOT_FOUND, f"order not found for {client_order_id}")
        return self._orders[found]

    def orders(self, status: str = "all") -> list[ExchangeOrder]:
        """Orders that are "open" (not final), "closed" or "all", parents and legs, in order of submission."""
        if status not in ("open", "closed", "all"):
            raise ValueError(f"`status` must be open, closed or all, was {status!r}")
        if status == "open":
            return [self._orders[order_id] for order_id in self._open_ids]
        return [order for order in self._orders.values() if status == "all" or order.status.is_final]

    def account(self) -> Account:
        """Cash, equity at path prices, and buying power: the cash that open buys do not hold back."""
        return Account(
            id=self._account_id,
            cash=self._holdings.cash,
            equity=self._equity(),
            last_equity=self._last_equity(),
            buying_power=self._buying_power(),
            blocked=False,
        )

    def positions(self) -> list[BrokerPosition]:
        """Holdings by symbol, at path prices."""
        return [
            BrokerPosition(
                ticker=symbol, quantity=lot.quantity, avg_entry_price=lot.average, current_price=self._value(symbol)
            )
            for symbol, lot in sorted(self._holdings.lots.items())
        ]

    def quantity_available(self, symbol: str) -> Decimal:
        """Shares of `symbol` held and not promised to open sells."""
        return self._holdings.quantity(symbol) - self._book.held(symbol)

    def fills(self) -> list[Fill]:
        """All executions, oldest first."""
        return list(self._fills)

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

    def is_delisted(self, symbol: str) -> bool:
        """Whether `symbol` has had its last bar in this market and a session without it has begun."""
        row = self._prices.ended(symbol)
        return row is not None and self._timetable.hours[row].open_at <= self._now

    def price(self, symbol: str, at: datetime | None = None) -> Decimal | None:
        """Path price at `at` (None: now); the last close outside hours and in a halt; None when no price is known.

        ValueError for an instant that is still to come.
        """
        at = self._now if at is None else at
        if at > self._now:
            raise ValueError(f"`at` must not be after {self._now}, was {at}")
        row = self._timetable.open_row(at)
        path = None if row is None else self._prices.path(row, symbol)
        if row is not None and path is not None:
            return quoted(path.price_at(self._timetable.fraction(row, at)))
        close = self._prices.last_close(self._timetable.closed_by(at), symbol)
        return None if close is None else quoted(e4(close))

    def is_halted(self, symbol: str, at: datetime) -> bool:
        """Whether a session is open at `at` in which `symbol` has no bar."""
        row = self._timetable.open_row(at)
        return row is not None and self._prices.path(row, symbol) is None

    def bars(self, symbol: str, first: date, last: date) -> list[Bar]:
        """Daily bars of the sessions `first`..`last` that have closed by now, oldest first."""
        row, hours = sessions_closed(self._timetable, first, last, self._now)
        return self._prices.bars(symbol, hours, row)

    def news(self, after: datetime | None, until: datetime | None, symbols: Sequence[str] = ()) -> list[NewsItem]:
        """Headlines that became known in `after`..`until` (both included) and by now, oldest first; no symbols: all."""
        return self._news.between(after, self._now if until is None else min(until, self._now), symbols)

    def clock(self) -> BrokerClock:
        """Now, whether the market is open, and when it opens and closes next."""
        return self._timetable.clock(self._now)

    def calendar(self, first: date, last: date) -> tuple[SessionHours, ...]:
        """Sessions dated `first`..`last`, past and future."""
        return self._timetable.between(first, last)

    def _admit(self, request: OrderRequest) -> Decimal:
        admission.require_well_formed(request)
        if request.client_order_id is not None and request.client_order_id in self._ids:
            raise Refusal(422, Code.INVALID, "client_order_id must be unique")
        if not self._prices.knows(request.symbol):
            raise Refusal(422, Code.RULE, f'asset "{request.symbol}" not found')
        if self.is_delisted(request.symbol):
            raise Refusal(422, Code.RULE, f'asset "{request.symbol}" is not active')
        price = self.price(request.symbol)
        base = request.limit_price if request.limit_price is not None else request.stop_price
        admission.require_bracket(request, price if base is None else base)
        if request.side is Side.SELL:
            held = self._book.held(request.symbol)
            admission.require_shares(request, self._holdings.quantity(request.symbol), held)
            return Decimal(0)
        reserve = admission.reserve(request, price)
        admission.require_cash(reserve, self._buying_power())
        return reserve

    def _enter(self, request: OrderRequest, status: OrderStatus) -> ExchangeOrder:
        number = len(self._orders)
        name = f"anonymous/{number}" if request.client_order_id is None else f"named/{request.client_order_id}"
        identity = str(uuid5(_NAMES, name))
        legs = (str(uuid5(_NAMES, f"{name}/target")), str(uuid5(_NAMES, f"{name}/stop"))) if request.is_bracket else ()
        entry = ExchangeOrder(
            id=identity,
            client_order_id=request.client_order_id or identity,
            symbol=request.symbol,
            side=request.side,
            order_type=request.order_type,
            time_in_force=request.time_in_force,
            status=status,
            quantity=request.quantity,
            filled_quantity=Decimal(0),
            filled_avg_price=None,
            limit_price=request.limit_price,
            stop_price=request.stop_price,
            order_class="bracket" if request.is_bracket else "simple",
            parent_id=None,
            legs=legs,
            created_at=self._now,
            submitted_at=self._now,
            updated_at=self._now,
        )
        self._keep(entry)
        if legs:
            self._keep(_leg(entry, legs[0], OrderType.LIMIT, request.take_profit_limit))
            self._keep(_leg(entry, legs[1], OrderType.STOP, request.stop_loss_stop))
        return entry

    def _keep(self, order: ExchangeOrder) -> None:
        self._ids[order.client_order_id] = order.id
        self._open_ids[order.id] = None
        self._write(order)

    def _write(self, order: ExchangeOrder) -> None:
        self._orders[order.id] = order
        if order.status.is_final:
            del self._open_ids[order.id]

    def _rest(self, order: ExchangeOrder, reserve: Decimal) -> Resting:
        sequence = len(self._orders) - len(order.legs)
        stop_first = tuple(
            _resting(self._orders[leg], sequence + place) for place, leg in enumerate(order.legs[::-1], 1)
        )
        return replace(_resting(order, sequence), reserve=reserve, legs=stop_first)

    def _open(self, session: SessionHours) -> None:
        self._opened = self._row
        if self._pays_dividends:
            self._pay_dividends(session)
        self._close_out(session.open_at)
        for resting in self._book:
            if self._orders[resting.id].status is OrderStatus.ACCEPTED:
                self._change("new", resting.id, session.open_at, status=OrderStatus.NEW)

    def _pay_dividends(self, session: SessionHours) -> None:
        for symbol, lot in sorted(self._holdings.lots.items()):
            per_share = self._prices.dividend(self._row, symbol)
            amount = quoted(e4(per_share * float(lot.quantity)))
            if amount <= 0:
                continue
            self._holdings.credit(amount)
            self._dividends.append(
                DividendPayment(
                    id=str(uuid5(_NAMES, f"dividend/{symbol}/{session.session}")),
                    session=session.session,
                    symbol=symbol,
                    quantity=lot.quantity,
                    per_share=Decimal(repr(per_share)),
                    amount=amount,
                    paid_at=session.open_at,
                )
            )

    def _close_out(self, at: datetime) -> None:
        """Cancel the orders of names that will not trade again, and pay out what is held of them at the last close."""
        for resting in self._book:
            if self._has_ended(resting.symbol):
                self._withdraw(resting.id, at)
        for symbol, lot in sorted(self._holdings.lots.items()):
            close = self._prices.last_close(self._row, symbol)
            if self._has_ended(symbol) and close is not None:
                order = _payout(symbol, lot.quantity, at)
                self._keep(order)
                self._execute(_resting(order, len(self._orders)), quoted(e4(close)), at)

    def _has_ended(self, symbol: str) -> bool:
        row = self._prices.ended(symbol)
        return row is not None and row <= self._row

    def _withdraw(self, order_id: str, at: datetime) -> None:
        for member in self._book.family(order_id):
            self._book.take(member.id)
            self._change("canceled", member.id, at, status=OrderStatus.CANCELED, canceled_at=at)

    def _close(self, session: SessionHours) -> None:
        day = [order.id for order in self._book if self._orders[order.id].time_in_force is TimeInForce.DAY]
        for member in [member for order_id in day for member in self._book.family(order_id)]:
            if not self._orders[member.id].status.is_final:
                self._book.take(member.id)
                status = OrderStatus.EXPIRED
                self._change("expired", member.id, session.close_at, status=status, expired_at=session.close_at)
        self._row += 1
        self._close_marks.append((session.session, self._equity()))

    def _walk(self, begin: datetime, end: datetime) -> None:
        row = self._row
        paths = self._paths(row)
        if not paths:
            return
        start, stop = self._timetable.fraction(row, begin), self._timetable.fraction(row, end)
        for step in match(self._book, paths, start, stop, self._costs, self._holdings.cash):
            self._apply(step, self._timetable.instant(row, step.fraction))

    def _paths(self, row: int) -> dict[str, Path]:
        found = ((symbol, self._prices.path(row, symbol)) for symbol in {order.symbol for order in self._book})
        return {symbol: path for symbol, path in found if path is not None}

    def _apply(self, step: Step, at: datetime) -> None:
        order_id = step.order.id
        match step.outcome:
            case Outcome.FILLED:
                assert step.price is not None
                self._execute(step.order, step.price, at)
            case Outcome.ACTIVATED:
                if step.order.order_type is OrderType.LIMIT:
                    self._change("new", order_id, at, status=OrderStatus.NEW)
            case Outcome.CANCELED:
                self._change("canceled", order_id, at, status=OrderStatus.CANCELED, canceled_at=at)
            case Outcome.REJECTED:
                self._change("rejected", order_id, at, status=OrderStatus.REJECTED, failed_at=at)

    def _execute(self, resting: Resting, price: Decimal, at: datetime) -> None:
        fill = Fill(
            execution_id=str(uuid5(_NAMES, f"{resting.id}/fill/1")),
            broker_order_id=resting.id,
            ticker=resting.symbol,
            side=resting.side,
            quantity=resting.quantity,
            price=price,
            filled_at=at,
        )
        held = self._holdings.book(fill)
        self._fills.append(fill)
        order = replace(
            self._orders[resting.id],
            status=OrderStatus.FILLED,
            filled_quantity=fill.quantity,
            filled_avg_price=price,
            filled_at=at,
            updated_at=at,
        )
        self._write(order)
        self._events.append(
            OrderEvent(
                event="fill",
                order=order,
                at=at,
                execution_id=fill.execution_id,
                price=price,
                quantity=fill.quantity,
                position_quantity=held,
            )
        )

    def _change(
        self,
        event: EventName,
        order_id: str,
        at: datetime,
        *,
        status: OrderStatus,
        canceled_at: datetime | None = None,
        expired_at: datetime | None = None,
        failed_at: datetime | None = None,
    ) -> None:
        order = replace(
            self._orders[order_id],
            status=status,
            updated_at=at,
            canceled_at=canceled_at,
            expired_at=expired_at,
            failed_at=failed_at,
        )
        self._write(order)
        self._tell(event, order)

    def _tell(self, event: EventName, order: ExchangeOrder) -> None:
        self._events.append(OrderEvent(event=event, order=order, at=order.updated_at))

    def _buying_power(self) -> Decimal:
        return self._holdings.cash - self._book.reserved

    def _equity(self) -> Decimal:
        worth = (lot.quantity * self._value(symbol) for symbol, lot in self._holdings.lots.items())
        return self._holdings.cash + sum(worth, Decimal(0))

    def _last_equity(self) -> Decimal:
        today = self._now.astimezone(NEW_YORK).date()
        marks = (equity for session, equity in reversed(self._close_marks) if session < today)
        return next(marks, self._starting_cash)

    def _value(self, symbol: str) -> Decimal:
        price = self.price(symbol)
        assert price is not None
        return price


def _leg(entry: ExchangeOrder, identity: str, kind: OrderType, price: Decimal | None) -> ExchangeOrder:
    return replace(
        entry,
        id=identity,
        client_order_id=str(uuid5(_NAMES, f"{identity}/client")),
        side=Side.SELL,
        order_type=kind,
        status=OrderStatus.HELD,
        limit_price=price if kind is OrderType.LIMIT else None,
        stop_price=price if kind is OrderType.STOP else None,
        parent_id=entry.id,
        legs=(),
    )


def _payout(symbol: str, quantity: Decimal, at: datetime) -> ExchangeOrder:
    """The exchange's own order that closes a delisted holding; it is filled as soon as it is there."""
    identity = payout_order_id(symbol)
    return ExchangeOrder(
        id=identity,
        client_order_id=identity,
        symbol=symbol,
        side=Side.SELL,
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.DAY,
        status=OrderStatus.NEW,
        quantity=quantity,
        filled_quantity=Decimal(0),
        filled_avg_price=None,
        limit_price=None,
        stop_price=None,
        order_class="simple",
        parent_id=None,
        legs=(),
        created_at=at,
        submitted_at=at,
        updated_at=at,
    )


def _resting(order: ExchangeOrder, sequence: int) -> Resting:
    return Resting(
        id=order.id,
        sequence=sequence,
        symbol=order.symbol,
        side=order.side,
        order_type=order.order_type,
        quantity=order.quantity,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        parent_id=order.parent_id,
    )
