"""Whatever a client sends, parsing it gives a request or a refusal, and what it gives is in bounds."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tenthman.exchange import alpaca_requests as ask
from tenthman.exchange.orders import OrderRequest, Refusal

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
PLAUSIBLE: dict[str, st.SearchStrategy[Any]] = {
    "symbol": st.sampled_from(["AAA", "BRK.B", "", "../x"]) | JSON,
    "qty": st.decimals().map(str) | st.integers() | JSON,
    "side": st.sampled_from(["buy", "sell"]) | JSON,
    "notional": st.decimals().map(str) | JSON,
    "type": st.sampled_from(["market", "limit", "stop", "stop_limit", "trailing_stop"]) | JSON,
    "time_in_force": st.sampled_from(["day", "gtc", "opg", "cls", "ioc", "fok"]) | JSON,
    "limit_price": st.floats(0, 1000) | JSON,
    "trail_price": st.floats(0, 1000) | JSON,
    "order_class": st.sampled_from(["", "simple", "bracket", "oco", "oto"]) | JSON,
    "take_profit": st.fixed_dictionaries({"limit_price": st.floats(0, 1000)}) | JSON,
    "stop_loss": st.fixed_dictionaries({"stop_price": st.floats(0, 1000), "limit_price": st.floats(0, 1000)}) | JSON,
    "client_order_id": st.text(max_size=140) | JSON,
}

CHANGES: dict[str, st.SearchStrategy[Any]] = {
    "qty": st.decimals().map(str) | st.integers() | JSON,
    "time_in_force": PLAUSIBLE["time_in_force"],
    "limit_price": PLAUSIBLE["limit_price"],
    "stop_price": PLAUSIBLE["limit_price"],
    "trail": PLAUSIBLE["trail_price"],
    "client_order_id": PLAUSIBLE["client_order_id"],
    "side": JSON,
}


def _read_or_refuse(read: Callable[[], object], allowed: set[int]) -> Any:
    """What `read` gives, or None when it refuses with one of the `allowed` statuses and says why."""
    refused = None
    try:
        return read()
    except Refusal as refusal:
        refused = refusal
    assert refused.http_status in allowed
    assert refused.message
    return None


@given(raw=st.binary(max_size=200))
def test_any_bytes_are_an_object_or_a_refusal(raw: bytes) -> None:
    body = _read_or_refuse(lambda: ask.read_body(raw), {400})
    assert body is None or isinstance(body, dict)


@given(body=st.fixed_dictionaries({}, optional=PLAUSIBLE))
def test_any_object_is_an_order_in_bounds_or_a_refusal(body: dict[str, Any]) -> None:
    raw = json.dumps(body).encode()
    request = _read_or_refuse(lambda: ask.read_order_request(ask.read_body(raw)), {400, 422})
    if request is not None:
        assert isinstance(request, OrderRequest)
        amounts = [amount for amount in (request.quantity, request.notional) if amount is not None]
        assert all(amount.is_finite() and abs(amount) <= 1_000_000_000 for amount in amounts)


@given(body=st.fixed_dictionaries({}, optional=CHANGES))
def test_any_object_is_a_replacement_in_bounds_or_a_refusal(body: dict[str, Any]) -> None:
    raw = json.dumps(body).encode()
    change = _read_or_refuse(lambda: ask.read_replacement(ask.read_body(raw)), {400, 422})
    if change is not None:
        numbers = [change.quantity, change.limit_price, change.stop_price, change.trail]
        assert all(number.is_finite() for number in numbers if number is not None)


@given(text=st.text(max_size=40))
def test_any_query_text_is_read_or_refused(text: str) -> None:
    for read in (
        lambda: ask.read_instant({"x": text}, "x"),
        lambda: ask.read_date({"x": text}, "x"),
        lambda: ask.read_whole({"x": text}, "x", 1, 10),
        lambda: ask.read_flag({"x": text}, "x"),
        lambda: ask.read_symbols(text),
        lambda: ask.read_number("x", text),
        lambda: ask.read_uuid("x", text),
    ):
        _read_or_refuse(read, {422})


@given(value=st.decimals(-(10**9), 10**9, places=9, allow_nan=False))
def test_numbers_are_kept_exactly(value: Decimal) -> None:
    assert ask.read_number("x", str(value)) == value
