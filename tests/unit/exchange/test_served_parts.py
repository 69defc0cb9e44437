"""Parts of the served exchange on their own: limits, faults, stages, and a state that cannot be kept."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import requests
from tenthman_markets import at, small_market
from tenthman_serving import MARKET, in_thread, serving

from tenthman.exchange.accounts import Keys, Venue
from tenthman.exchange.faults import Fault, FaultKind, Faults, read_fault, show_fault, without
from tenthman.exchange.limits import RateLimit
from tenthman.exchange.orders import Refusal
from tenthman.exchange.serve import prepared
from tenthman.exchange.stage import Gap, SplitShares, Stage
from tenthman.execution.stream import TradeUpdates


def test_a_window_of_calls_begins_with_its_first_and_ends_a_minute_later() -> None:
    now = [1000.0]
    limit = RateLimit(2, lambda: now[0])
    assert [limit.take().is_allowed for _ in range(3)] == [True, True, False]
    now[0] += 59.9
    assert not limit.take().is_allowed
    now[0] += 0.1
    again = limit.take()
    assert (again.is_allowed, again.remaining, again.reset) == (True, 1, 1120)
    with pytest.raises(ValueError, match="`per_minute` must be at least 1, was 0"):
        RateLimit(0, lambda: 0.0)


def test_a_limit_that_is_only_announced_never_refuses() -> None:
    limit = RateLimit(2, lambda: 0.0, is_enforced=False)
    assert all(limit.take().is_allowed for _ in range(9))
    assert limit.show().remaining == 1


def test_faults_are_counted_each_for_itself() -> None:
    faults = Faults()
    faults.add(Fault(kind=FaultKind.CUT, method="POST", skip=1, times=2))
    faults.add(Fault(kind=FaultKind.CLOCK_SKEW, path="/v2/clock", times=0))
    met = [[fault.kind.value for fault in faults.meet("POST", "/v2/orders")] for _ in range(5)]
    assert met == [[], ["cut"], ["cut"], [], []]
    assert [fault.kind for fault in faults.meet("GET", "/v2/clock")] == [FaultKind.CLOCK_SKEW]
    assert [fault.kind for fault in faults.at_work] == [FaultKind.CLOCK_SKEW]
    faults.clear()
    assert not faults


def test_a_fault_is_told_as_it_was_asked_for() -> None:
    body = {"kind": "drop_fields", "names": ["legs"], "times": 3, "path": "/v2/*"}
    shown = show_fault(read_fault(body))
    assert {name: shown[name] for name in body} == body
    with pytest.raises(Refusal, match=r"times: .*greater than or equal to 0"):
        read_fault({"kind": "cut", "times": -1})
    assert without({"legs": 1, "rows": [{"legs": 2, "id": 3}]}, ["legs"]) == {"rows": [{"id": 3}]}


def test_a_stage_rewrites_what_is_to_come_and_nothing_else() -> None:
    bars = {"AAA": [(10.0, 12.0, 9.0, 11.0)] * 4, "BBB": [(5.0, 6.0, 4.0, 5.0)] * 4}
    market = small_market(bars, dividends={"AAA": {2: 0.75, 3: 0.75}, "BBB": {3: 0.1}})
    stage = Stage(market)
    first = stage.rewrite(Gap(kind="gap", symbol="AAA", factor=0.5), at(market, 1, 0.5))
    assert first == market.hours[2].session
    assert stage.market.panel.low[:, 0].tolist() == [9.0, 9.0, 4.5, 4.5]
    stage.rewrite(SplitShares(kind="split", symbol="AAA", new_rate=3, old_rate=2), at(market, 2, 0.0))
    assert stage.market.panel.close[:, 0].tolist() == [11.0, 11.0, 5.5, 3.6667]
    assert stage.market.panel.volume[:, 0].tolist() == [1e6, 1e6, 1e6, 1.5e6]
    paid = stage.market.dividends
    assert paid is not None
    assert paid[:, :2].tolist() == [[0.0, 0.0], [0.0, 0.0], [0.75, 0.0], [0.5, 0.1]], "less for a smaller share"
    assert [split.open_at for split in stage.splits(at(market, 2, 0.5), at(market, 3, 0.0))] == [at(market, 3, 0.0)]
    assert list(stage.splits(at(market, 3, 0.0), at(market, 3, 1.0))) == []
    assert np.array_equal(stage.market.panel.close[:, 1:], market.panel.close[:, 1:])
    assert market.panel.close[3, 0] == 11.0
    with pytest.raises(Refusal, match="there are no prices after"):
        stage.rewrite(Gap(kind="gap", symbol="AAA", factor=2.0), at(market, 3, 0.0))


def test_keys_are_told_apart_and_must_differ() -> None:
    with prepared(serving(MARKET, accounts=2)) as (served, _):
        venue = served.edge.venue
        first, second = venue.accounts
        assert venue.holder(first.keys.key, first.keys.secret) is first
        assert venue.holder(first.keys.key, second.keys.secret) is None
        assert venue.holder(None, None) is None
        assert first.keys.secret not in repr(first.keys)
        with pytest.raises(ValueError, match="must differ"):
            Venue((first, first))
        with pytest.raises(ValueError, match="at least one account"):
            Venue(())
    assert not Keys(key="a", secret="b").are("a", "\ud800")


@contextmanager
def _no_room_beyond(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_could_not_be_kept_is_not_told_either(tmp_path: Path) -> None:
    path = tmp_path / "exchange.state"
    order = {"symbol": "AAA", "qty": 1, "side": "buy", "type": "market", "time_in_force": "day"}
    with in_thread(state=path) as server:
        keys = server.told["accounts"][0]
        stream = f"{server.rest.replace('http', 'ws')}/stream"
        with TradeUpdates(stream, keys["key"], keys["secret"]) as updates:
            assert updates.wait(10) is not None, "connected"
            with _no_room_beyond(path.stat().st_size):
                lost = requests.post(f"{server.rest}/v2/orders", json=order, headers=server.headers(), timeout=10)
            assert lost.status_code == 500
            seen = requests.get(f"{server.rest}/v2/account", headers=server.headers(), timeout=10)
            assert (seen.status_code, updates.wait(0.3)) == (200, None)


def test_after_a_line_that_could_not_be_kept_no_other_is(tmp_path: Path) -> None:
    path = tmp_path / "exchange.state"
    with prepared(serving(MARKET, state=path)) as (served, _):
        served.control.move(at(MARKET, 0, 0.1))
        with _no_room_beyond(path.stat().st_size), pytest.raises(OSError, match="File too large"):
            served.control.move(at(MARKET, 0, 0.2))
        with pytest.raises(OSError, match="could not be kept before"):
            served.control.move(at(MARKET, 0, 0.3))
    with prepared(serving(MARKET, state=path)) as (served, repeated):
        assert repeated <= 2
        assert served.edge.venue.now <= at(MARKET, 0, 0.2)
