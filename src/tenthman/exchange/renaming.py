"""Symbols that were renamed on command: the market goes on under its own names, the wire speaks the new ones.

Pure. What is on the wire from the rename on, of the past too, bears the new name; the old one is nobody's, and only
historical bars are still found under it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from tenthman.exchange.alpaca_trading import Call
from tenthman.exchange.alpaca_wire import Json
from tenthman.exchange.orders import SymbolChange
from tenthman.utils.symbols import to_wire

_LISTS = frozenset({"bars", "quotes", "trades"})
_NOBODYS = ".0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenure:
    """Whose a name is: the market's own `symbol` was called so from the day `first` on and no more from `until` on."""

    symbol: str
    first: date = date.min
    until: date = date.max

    @property
    def lasts(self) -> bool:
        """Whether it is still called so."""
        return self.until == date.max

    def covers(self, day: date) -> bool:
        """Whether it was called so on `day`."""
        return self.first <= day < self.until


def tenures(changes: Sequence[SymbolChange]) -> dict[str, Tenure]:
    """Every name that something was given or has given up; no name is given twice."""
    found: dict[str, Tenure] = {}
    for item in changes:
        found[item.old] = replace(found.get(item.old, Tenure(symbol=item.symbol)), until=item.session)
        found[item.new] = Tenure(symbol=item.symbol, first=item.session)
    return found


def tenure_of(changes: Sequence[SymbolChange], name: str) -> Tenure:
    """Whose `name` is or was; its own where nothing was renamed to it or from it."""
    return tenures(changes).get(name) or Tenure(symbol=name)


def new_names(changes: Sequence[SymbolChange]) -> dict[str, str]:
    """What the wire calls the market's own symbols now, of those that were renamed."""
    return {item.symbol: to_wire(item.new) for item in changes}


def inward(changes: Sequence[SymbolChange], call: Call, *, keeps_old: bool) -> Call:
    """`call` with the market's own names; names that were given up ask for nothing, unless `keeps_old`."""
    if not changes:
        return call
    own = {
        to_wire(name): to_wire(tenure.symbol) if tenure.lasts or keeps_old else to_wire(name) + _NOBODYS
        for name, tenure in tenures(changes).items()
    }

    def texts(values: Mapping[str, str]) -> dict[str, str]:
        named = dict(values)
        if "symbol" in named:
            named["symbol"] = own.get(named["symbol"].upper(), named["symbol"])
        if "symbols" in named:
            parts = [part.strip() for part in named["symbols"].split(",")]
            named["symbols"] = ",".join(own.get(part.upper(), part) for part in parts)
        return named

    body = dict(call.body)
    if isinstance(body.get("symbol"), str):
        body["symbol"] = own.get(str(body["symbol"]).upper(), body["symbol"])
    return Call(path=texts(call.path), query=texts(call.query), body=body)


def outward(changes: Sequence[SymbolChange], body: object) -> object:
    """An answer with the names that the wire has now."""
    if not changes:
        return body
    return _spelled({to_wire(symbol): new for symbol, new in new_names(changes).items()}, body, is_list=True)


def outward_message(changes: Sequence[SymbolChange], message: Json) -> Json:
    """As `outward`, of an order event."""
    found = outward(changes, message)
    assert isinstance(found, Mapping)
    return found


def _spelled(new: Mapping[str, str], body: object, *, is_list: bool) -> object:
    """`is_list`: the keys of this object may be symbols."""
    if isinstance(body, Mapping):
        return {(new.get(key, key) if is_list else key): _value(new, key, value) for key, value in body.items()}
    if isinstance(body, list | tuple):
        return [_spelled(new, item, is_list=False) for item in body]
    return body


def _value(new: Mapping[str, str], key: str, value: object) -> object:
    if key in ("symbol", "S") and isinstance(value, str):
        return new.get(value, value)
    if key == "symbols" and isinstance(value, list):
        return [new.get(item, item) for item in value]
    return _spelled(new, value, is_list=key in _LISTS)
