"""Three sessions of the practice market's crash through the whole desk: PostgreSQL, XGBoost, the served exchange.

Only the language model is left out. The module's runs share one home; the first of them is the yardstick of the rest.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tenthman_checker import EntryFigures, broken_rules, rules_as_written
from tenthman_decision import figures_of, with_entry
from tenthman_rehearsal import (
    PERIOD,
    Notes,
    WatchedBroker,
    no_language_model,
    rehearse_in_process,
    small_config,
    small_practice_market,
)

from tenthman.config import Config
from tenthman.db import audit
from tenthman.db.pool import Pool
from tenthman.domain.errors import BrokerUnavailable, OrderOutcomeUnknown
from tenthman.domain.market import Period
from tenthman.domain.order import TradingState
from tenthman.scheduler.clock import wall_now
from tenthman.scheduler.desk.kill_switch import pull, release, switch_path
from tenthman.scheduler.desk.timeline import StepKind
from tenthman.scheduler.outcomes.story import decisions_digest
from tenthman.scheduler.rehearsal import run as rehearsal
from tenthman.scheduler.rehearsal.run import Rehearsed, rehearse
from tenthman.scheduler.storage import open_storage

CENT = Decimal("0.01")
Hook = Callable[[int, str], None]


@dataclass(frozen=True, kw_only=True)
class Done:
    """A finished rehearsal, what its watcher saw, and the broker calls it made by name."""

    run: Rehearsed
    notes: Notes
    calls: list[str]


@pytest.fixture(scope="module", autouse=True)
def _without_a_language_model() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rehearsal, "open_holes", no_language_model)
        yield


def run(config: Config, before: Hook | None = None, after: Hook | None = None) -> Done:
    """Rehearse with a broker that is counted, and that fails where a hook says so."""
    brokers: list[WatchedBroker] = []
    hooks = {name: hook for name, hook in (("before", before), ("after", after)) if hook is not None}
    real = rehearsal.AlpacaBroker
    notes = Notes()

    def watched(*arguments: Any) -> WatchedBroker:
        brokers.append(WatchedBroker(real(*arguments), **hooks))
        return brokers[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rehearsal, "AlpacaBroker", watched)
        done = rehearse(config, small_practice_market(), PERIOD, notes)
    return Done(run=done, notes=notes, calls=brokers[0].calls)


@pytest.fixture(scope="module")
def config(module_home: Path) -> Config:
    return small_config(module_home)


@pytest.fixture(scope="module")
def undisturbed(config: Config) -> Done:
    return run(config)


@pytest.fixture(scope="module")
def stored(config: Config, undisturbed: Done) -> Iterator[Pool]:
    """The home's database after the first run."""
    with open_storage(config) as pool:
        yield pool


@pytest.fixture(scope="module")
def fallen(module_home: Path, stored: Pool) -> Done:
    """A run under a drawdown limit so low that the costs of the first entries reach it."""
    drawdown = {
        "limit_fraction": 0.0005,
        "references": ("peak", "day_start"),
        "open_risk_per_distance": 10.0,
        "rearm_after_sessions": None,
    }
    return run(small_config(module_home, drawdown=drawdown))


def rows(pool: Pool, query: str, *values: object) -> list[tuple[Any, ...]]:
    with pool.connection() as connection:
        return connection.execute(query.encode(), values).fetchall()


def entries_and_exits(pool: Pool, run_id: str) -> list[tuple[Any, ...]]:
    return rows(
        pool,
        """SELECT client_order_id, purpose, ticker, side, quantity::float8, limit_price::float8, stop_price::float8,
                  target_price::float8, status, filled_quantity::float8, filled_avg_price::float8
           FROM orders WHERE run_id = %s AND parent_client_order_id IS NULL ORDER BY client_order_id""",
        run_id,
    )


def fills(pool: Pool, run_id: str) -> list[tuple[Any, ...]]:
    return rows(
        pool,
        """SELECT ticker, side, trim_scale(quantity), trim_scale(price), trim_scale(fees_usd), filled_at
           FROM fills WHERE run_id = %s ORDER BY filled_at, ticker, side""",
        run_id,
    )


def equity_curve(pool: Pool, run_id: str) -> list[tuple[Any, ...]]:
    return rows(
        pool,
        """SELECT at, round(equity_usd, 2), round(cash_usd, 2), round(peak_usd, 2), round(day_start_usd, 2), positions
           FROM equity WHERE run_id = %s ORDER BY at""",
        run_id,
    )


def test_a_rehearsal_trades_and_closes_every_session(undisturbed: Done, stored: Pool) -> None:
    kinds = [step.kind for step, _ in undisturbed.notes.steps]
    assert kinds == [StepKind.MORNING, StepKind.CHECK, StepKind.CHECK, StepKind.AFTERNOON, StepKind.CLOSE] * 3
    assert rows(stored, "SELECT status FROM runs WHERE id = %s", undisturbed.run.run_id) == [("finished",)]
    sides = [side for _, side, *_ in fills(stored, undisturbed.run.run_id)]
    assert sides.count("buy") >= 5
    assert sides.count("sell") >= 2, "stops and targets must have been reached, or the rest shows little"
    at_work = rows(
        stored,
        """SELECT count(*) FROM orders WHERE run_id = %s AND purpose = 'entry'
           AND status NOT IN ('filled', 'canceled', 'rejected', 'expired')""",
        undisturbed.run.run_id,
    )
    assert at_work == [(0,)], "entries that did not fill are withdrawn at the close"


def test_no_book_of_a_run_holds_what_nothing_protects(undisturbed: Done) -> None:
    held = [position for _, book in undisturbed.notes.steps for position in book.positions]
    assert held
    assert [position.ticker for position in held if position.stop_price is None] == []
    assert {position.decision_id == "external" for position in held} == {False}


def test_the_same_home_gives_the_same_run_again(config: Config, undisturbed: Done, stored: Pool) -> None:
    again = run(config)
    assert again.run.run_id != undisturbed.run.run_id
    assert again.run.interrupted_before == ()
    assert decisions_digest(stored, again.run.run_id) == decisions_digest(stored, undisturbed.run.run_id)
    assert equity_curve(stored, again.run.run_id) == equity_curve(stored, undisturbed.run.run_id)


def test_another_home_gives_the_same_run(
    undisturbed: Done, stored: Pool, pool: Pool, fresh_database_url: str, tmp_path: Path
) -> None:
    elsewhere = run(small_config(tmp_path, fresh_database_url))
    assert decisions_digest(pool, elsewhere.run.run_id) == decisions_digest(stored, undisturbed.run.run_id)
    assert equity_curve(pool, elsewhere.run.run_id) == equity_curve(stored, undisturbed.run.run_id)
    assert audit.verify(pool) > 100


def test_a_later_period_does_not_depend_on_what_was_traded_in_the_same_home_before(
    config: Config, undisturbed: Done, stored: Pool, pool: Pool, fresh_database_url: str, tmp_path: Path
) -> None:
    later = Period(first=date(2020, 2, 19), last=PERIOD.last)
    here = rehearse(config, small_practice_market(), later, Notes())
    elsewhere = rehearse(small_config(tmp_path, fresh_database_url), small_practice_market(), later, Notes())
    assert decisions_digest(pool, elsewhere.run_id) == decisions_digest(stored, here.run_id)
    assert rows(stored, "SELECT count(*) > 0 FROM decisions WHERE run_id = %s", here.run_id) == [(True,)]


def test_without_a_wire_the_run_is_the_same_to_the_cent(config: Config, undisturbed: Done, stored: Pool) -> None:
    inside = rehearse_in_process(config, small_practice_market(), PERIOD)
    assert entries_and_exits(stored, inside) == entries_and_exits(stored, undisturbed.run.run_id)
    assert fills(stored, inside) == fills(stored, undisturbed.run.run_id)
    assert equity_curve(stored, inside) == equity_curve(stored, undisturbed.run.run_id)
    assert decisions_digest(stored, inside) == decisions_digest(stored, undisturbed.run.run_id)


class Pulled(BaseException):
    """The process ends here, as if the plug was pulled."""


def at_call(wanted: int) -> Hook:
    def hook(number: int, name: str) -> None:
        if number == wanted:
            raise Pulled(f"call {number}: {name}")

    return hook


def test_a_run_that_was_cut_off_anywhere_starts_over_to_the_same_end(
    config: Config, undisturbed: Done, stored: Pool
) -> None:
    submits = [number for number, name in enumerate(undisturbed.calls, start=1) if name == "submit"]
    cuts: list[tuple[str, int]] = [
        ("before", 1),
        ("before", submits[0]),
        ("after", submits[0]),
        ("after", submits[-1]),
        ("before", len(undisturbed.calls)),
    ]
    expected = decisions_digest(stored, undisturbed.run.run_id)
    for when, number in cuts:
        with pytest.raises(Pulled, match=f"call {number}:"):
            run(config, **{when: at_call(number)})
        (state,) = rows(stored, "SELECT id::text, status, reached FROM runs ORDER BY started_at DESC LIMIT 1")
        assert state[1] == "running", "nobody was left to say that it ended"
    finished = run(config)
    (left,) = finished.run.interrupted_before
    assert left.reached is not None
    assert decisions_digest(stored, finished.run.run_id) == expected
    counts = dict(rows(stored, "SELECT status, count(*) FROM runs GROUP BY status"))
    assert (counts["interrupted"], counts.get("running", 0)) == (len(cuts), 0)
    assert audit.verify(stored) > 500


def test_answers_that_are_lost_change_nothing_once_the_orders_are_found(
    config: Config, undisturbed: Done, stored: Pool
) -> None:
    lost: list[str] = []
    finds_fail = 0

    def after(number: int, name: str) -> None:
        nonlocal finds_fail
        if name == "submit":
            lost.append(name)
            finds_fail = 3 if len(lost) == 2 else 0
            raise OrderOutcomeUnknown(f"call {number}: no answer")
        if name == "find" and finds_fail:
            finds_fail -= 1
            raise BrokerUnavailable(f"call {number}: no answer")

    done = run(config, after=after)
    assert len(lost) == undisturbed.calls.count("submit")
    assert decisions_digest(stored, done.run.run_id) == decisions_digest(stored, undisturbed.run.run_id)
    unknown = rows(
        stored,
        """SELECT count(*) FROM audit_events WHERE run_id = %s AND kind = 'order_outcome'
           AND payload::json ->> 'status' = 'unknown'""",
        done.run.run_id,
    )
    assert unknown == [(1,)], "one order stayed in doubt until the next look at the broker"


def test_a_pulled_kill_switch_stops_a_rehearsal_too(config: Config, undisturbed: Done, stored: Pool) -> None:
    first = Period(first=PERIOD.first, last=PERIOD.first)
    sent = "SELECT count(*) FROM orders WHERE run_id = %s AND broker_order_id IS NOT NULL AND created_at < %s"
    assert rows(stored, sent, undisturbed.run.run_id, PERIOD.first + timedelta(days=1)) != [(0,)]
    notes = Notes()
    pull(switch_path(config), TradingState.HALTED, "a test", "person: tester", wall_now())
    try:
        stopped = rehearse(config, small_practice_market(), first, notes)
    finally:
        release(switch_path(config))
    assert rows(stored, sent, stopped.run_id, PERIOD.last) == [(0,)]
    assert rows(
        stored, "SELECT state FROM trading_state WHERE run_id = %s ORDER BY changed_at DESC", stopped.run_id
    ) == [
        ("halted",),
        ("active",),
    ]


def test_the_drawdown_stop_latches_closes_everything_and_lets_nothing_in(fallen: Done, stored: Pool) -> None:
    run_id = fallen.run.run_id
    states = rows(stored, "SELECT state, changed_at FROM trading_state WHERE run_id = %s ORDER BY sequence", run_id)
    assert [state for state, _ in states] == ["active", "reducing", "halted"]
    latched = states[1][1]
    assert rows(stored, "SELECT count(*) FROM fills WHERE run_id = %s AND side = 'buy'", run_id) > [(0,)]
    assert rows(
        stored, "SELECT count(*) FROM fills WHERE run_id = %s AND side = 'buy' AND filled_at > %s", run_id, latched
    ) == [(0,)]
    assert rows(
        stored,
        "SELECT count(*) FROM orders WHERE run_id = %s AND purpose = 'entry' AND created_at >= %s",
        run_id,
        latched,
    ) == [(0,)]
    assert rows(stored, "SELECT count(*) FROM positions WHERE run_id = %s AND closed_at IS NULL", run_id) == [(0,)]
    reasons = {reason for (reason,) in rows(stored, "SELECT exit_reason FROM positions WHERE run_id = %s", run_id)}
    assert "drawdown stop" in reasons
    _, last = fallen.notes.steps[-1]
    assert (last.state, last.positions, last.pending) == (TradingState.HALTED, (), ())


def test_after_the_latch_every_candidate_is_denied_by_the_state(fallen: Done, stored: Pool) -> None:
    halted = rows(
        stored,
        """SELECT DISTINCT denied_by FROM decisions WHERE run_id = %s AND action = 'buy' AND as_of >
           (SELECT changed_at FROM trading_state WHERE run_id = %s AND state = 'reducing')""",
        fallen.run.run_id,
        fallen.run.run_id,
    )
    assert halted == [("trading_state",)]


@pytest.mark.parametrize("name", ["undisturbed", "fallen"])
def test_what_the_trades_made_is_what_the_account_gained(
    name: str, request: pytest.FixtureRequest, stored: Pool
) -> None:
    done: Done = request.getfixturevalue(name)
    run_id = done.run.run_id
    ((realised, fees),) = rows(
        stored, "SELECT sum(realised_usd), sum(fees_usd) FROM positions WHERE run_id = %s", run_id
    )
    still_held = rows(
        stored, "SELECT ticker, quantity, avg_entry_price FROM positions WHERE run_id = %s AND quantity > 0", run_id
    )
    points = rows(stored, "SELECT equity_usd, holdings FROM equity WHERE run_id = %s ORDER BY at", run_id)
    (first, _), (last, holdings) = points[0], points[-1]
    assert {ticker: quantity for ticker, quantity, _ in still_held} == {
        ticker: Decimal(told["quantity"]) for ticker, told in holdings.items()
    }
    open_gain = sum(quantity * (Decimal(holdings[ticker]["price"]) - paid) for ticker, quantity, paid in still_held)
    assert fees > 0
    assert abs((realised + open_gain) - (last - first - fees)) < CENT, "fees are booked by the desk, not charged"


def test_no_entry_on_record_breaks_a_rule_by_other_sums(undisturbed: Done, stored: Pool) -> None:
    universe, rules = small_practice_market().universe, rules_as_written()
    checked = 0
    for step, book in undisturbed.notes.steps:
        sent = rows(
            stored,
            """SELECT orders.ticker, quantity, limit_price, stop_price, target_price
               FROM orders JOIN decisions ON decisions.run_id = orders.run_id AND decisions.id = decision_id
               WHERE orders.run_id = %s AND purpose = 'entry' AND as_of = %s ORDER BY score DESC, orders.ticker""",
            undisturbed.run.run_id,
            step.at,
        )
        figures = figures_of(book)
        for number, (ticker, quantity, limit, stop, target) in enumerate(sent):
            entry = EntryFigures(
                ticker=ticker,
                issuer=universe.issuer_of(ticker),
                sector=universe.sector_of(ticker),
                quantity=quantity,
                limit=limit,
                stop=stop,
                target=target,
                median_volume=None,
                entries_before=number,
            )
            assert broken_rules(entry, figures, rules) == []
            figures = with_entry(figures, entry)
            checked += 1
    assert checked == undisturbed.calls.count("submit")


def test_the_chain_of_events_holds_after_all_of_it(undisturbed: Done, fallen: Done, stored: Pool) -> None:
    verified = audit.verify(stored)
    assert [(verified,)] == rows(stored, "SELECT count(*) FROM audit_events")
    kinds = {kind for (kind,) in rows(stored, "SELECT DISTINCT kind FROM audit_events")}
    assert {"run_started", "decision", "order_intent", "order_outcome", "fill", "run_finished"} <= kinds
