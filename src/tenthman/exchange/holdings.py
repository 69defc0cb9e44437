"""Cash and shares of one account. Money is conserved: cash changes by price x quantity of each fill, and by credits."""

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from fractions import Fraction

from tenthman.domain.order import Fill, Side
from tenthman.domain.shares import split_quantity

_AVERAGE = Decimal("0.000001")
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """A holding: shares, and what they cost in all (USD, trading costs included)."""

    quantity: Decimal
    cost: Decimal

    @property
    def average(self) -> Decimal:
        """Average entry price, USD, six decimals."""
        return (self.cost / self.quantity).quantize(_AVERAGE)


class Holdings:
    """The account's cash and lots; it never owes cash or shares."""

    def __init__(self, cash: Decimal) -> None:
        if cash < 0:
            raise ValueError(f"`cash` must be at least 0, was {cash}")
        self.cash = cash
        self.lots: dict[str, Lot] = {}

    def quantity(self, symbol: str) -> Decimal:
        """Shares held of `symbol`."""
        lot = self.lots.get(symbol)
        return Decimal(0) if lot is None else lot.quantity

    def credit(self, amount: Decimal) -> None:
        """Take in cash that no fill brought, USD; ValueError if it is not above 0."""
        if not amount > 0:
            raise ValueError(f"`amount` must be above 0, was {amount}")
        self.cash += amount

    def split(self, symbol: str, ratio: Fraction) -> None:
        """Make `ratio` shares (nine decimals, rounded down) of each one held; what they cost in all stays."""
        lot = self.lots.get(symbol)
        if lot is not None:
            self.lots[symbol] = Lot(quantity=split_quantity(lot.quantity, ratio), cost=lot.cost)

    def pay_fraction(self, symbol: str, price: Decimal) -> None:
        """Take in cash, to the cent below, what the part of a share beyond whole ones is worth at `price` (USD)."""
        lot = self.lots.get(symbol)
        whole = Decimal(0) if lot is None else lot.quantity.to_integral_value(ROUND_DOWN)
        if lot is None or whole == lot.quantity:
            return
        self.cash += ((lot.quantity - whole) * price).quantize(_CENT, rounding=ROUND_DOWN)
        if whole:
            self.lots[symbol] = Lot(quantity=whole, cost=lot.cost * whole / lot.quantity)
        else:
            del self.lots[symbol]

    def book(self, fill: Fill) -> Decimal:
        """Apply one execution and return the shares then held; ValueError if it would overdraw cash or shares."""
        value = fill.price * fill.quantity
        lot = self.lots.get(fill.ticker, Lot(quantity=Decimal(0), cost=Decimal(0)))
        if fill.side is Side.BUY:
            if value > self.cash:
                raise ValueError(f"{fill.ticker}: a buy must cost at most the cash {self.cash}, was {value}")
            self.cash -= value
            self.lots[fill.ticker] = Lot(quantity=lot.quantity + fill.quantity, cost=lot.cost + value)
            return self.lots[fill.ticker].quantity
        if fill.quantity > lot.quantity:
            raise ValueError(f"{fill.ticker}: a sell must be of at most {lot.quantity} shares, was {fill.quantity}")
        self.cash += value
        left = lot.quantity - fill.quantity
        if left == 0:
            del self.lots[fill.ticker]
        else:
            self.lots[fill.ticker] = Lot(quantity=left, cost=lot.cost * left / lot.quantity)
        return left
