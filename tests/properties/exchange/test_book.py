"""The book keeps its sums and families in step with its orders, whatever happens to them."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tenthman.domain.order import OrderType, Side
from tenthman.exchange.book import Book, Resting

SYMBOLS = ("AAA", "BBB")
RESERVES = st.sampled_from(["0", "10", "10.50", "0.0375", "1E+3"]).map(Decimal)
ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["plain", "bracket", "oco", "take", "shrink", "swap"]),
        st.integers(min_value=0, max_value=30),
        st.sampled_from(SYMBOLS),
        st.sampled_from(list(Side)),
        RESERVES,
    ),
    max_size=30,
)


def order(name: str, symbol: str, side: Side, reserve: Decimal, group: str | None = None) -> Resting:
    held_back = reserve if side is Side.BUY else Decimal(0)
    return Resting(
        id=name,
        sequence=1,
        symbol=symbol,
        side=side,
        order_type=OrderType.LIMIT,
        quantity=Decimal(7),
        reserve=held_back,
        group=group,
    )


def placed(kind: str, name: str, symbol: str, side: Side, reserve: Decimal) -> list[Resting]:
    if kind == "plain":
        return [order(name, symbol, side, reserve)]
    legs = [order(f"{name}/{leg}", symbol, Side.SELL, Decimal(0), group=name) for leg in ("stop", "target")]
    if kind == "oco":
        return [order(name, symbol, Side.SELL, Decimal(0), group=name), legs[0]]
    return [replace(order(name, symbol, Side.BUY, reserve), legs=tuple(legs))]


def act(book: Book, number: int, action: tuple[str, int, str, Side, Decimal]) -> None:
    kind, choice, symbol, side, reserve = action
    if kind in ("plain", "bracket", "oco"):
        for resting in placed(kind, f"o{number}", symbol, side, reserve):
            book.place(resting)
        return
    members = [member for resting in book for member in (resting, *resting.legs)]
    if not members:
        return
    chosen = members[choice % len(members)]
    if kind == "take":
        book.take(chosen.id)
    elif kind == "shrink" and chosen.id in book:
        book.place(replace(chosen, quantity=Decimal(3), reserve=chosen.reserve / 2))
    elif kind == "swap":
        group = f"s{number}" if chosen.group == chosen.id else chosen.group
        book.swap(chosen.id, replace(chosen, id=f"s{number}", legs=(), group=group))


@given(ACTIONS)
def test_sums_and_families_are_those_of_the_orders_one_by_one(
    actions: list[tuple[str, int, str, Side, Decimal]],
) -> None:
    book = Book()
    for number, action in enumerate(actions):
        act(book, number, action)
        resting = list(book)
        assert str(book.reserved) == str(sum((item.reserve for item in resting), Decimal(0)))
        for symbol in SYMBOLS:
            promised: dict[str, Decimal] = {}
            for item in resting:
                if item.symbol == symbol and item.side is Side.SELL:
                    family = item.group or item.id
                    promised[family] = max(promised.get(family, Decimal(0)), item.quantity)
            assert book.held(symbol) == sum(promised.values(), Decimal(0))
        for item in resting:
            kin = [other for other in resting if item.group is not None and other.group == item.group]
            expected = {item.id, *(leg.id for leg in item.legs), *(other.id for other in kin)}
            for member in (item, *item.legs):
                assert book.find(member.id) == member
                assert {found.id for found in book.family(member.id)} == expected
        assert book.find("nobody") is None
        assert book.family("nobody") == ()
