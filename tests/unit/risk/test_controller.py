"""The controller on books small enough to do the sums by hand."""

from dataclasses import replace
from decimal import Decimal

import pytest
from tenthman_risk import HOUSE_RULES, a_book, a_candidate, a_position, a_proposal, a_signal, assessed, house_rules

from tenthman.config import RiskRules
from tenthman.domain.errors import DataMissing
from tenthman.domain.order import Denial, PendingEntry, SizedOrder, TradingState
from tenthman.risk.controller import exit_order, shrink
from tenthman.risk.emergency import next_state
from tenthman.risk.numbers import rule_numbers
from tenthman.risk.stops import propose


@pytest.fixture(scope="module")
def rules() -> RiskRules:
    return HOUSE_RULES


def _assess(rules, proposal=None, candidate=None, book=None, entries=0):
    return assessed(proposal, candidate, book, rules, entries)


def _moved(book, rules=HOUSE_RULES):
    return next_state(book, rule_numbers(rules))


def test_a_far_stop_is_sized_by_the_risk_of_half_a_percent(rules):
    order = _assess(rules, a_proposal(limit="100.00", stop="85.00", target="130.00"))
    assert isinstance(order, SizedOrder)
    assert order.quantity == 33, "500 USD at risk over 15 USD a share"
    assert [check.rule for check in order.checks if check.bound] == ["risk_fraction_per_trade"]


def test_a_near_stop_is_sized_by_the_largest_position(rules):
    order = _assess(rules, a_proposal(limit="100.00", stop="96.00", target="106.00"))
    assert isinstance(order, SizedOrder)
    assert order.quantity == 65, "6.5 % of 100,000 USD at 100 USD a share"
    assert [check.rule for check in order.checks if check.bound] == ["max_position_fraction"]


def test_open_risk_of_other_positions_leaves_less_room(rules):
    held = tuple(a_position(ticker=f"T{n}", quantity="60", stop="85", sector=f"S{n}") for n in range(3))
    order = _assess(rules, a_proposal(stop="85.00", target="130.00"), book=a_book(cash="82000", positions=held))
    assert isinstance(order, SizedOrder)
    assert order.quantity == 20, "3,000 USD less 3 x 60 x 15 USD leaves 300 USD over 15 USD a share"
    assert [check.rule for check in order.checks if check.bound] == ["max_open_risk_fraction"]


def test_a_drawdown_leaves_less_open_risk(rules):
    order = _assess(rules, a_proposal(stop="85.00", target="130.00"), book=a_book(equity="97100", peak="100000"))
    assert isinstance(order, SizedOrder)
    assert order.quantity == 6, "0.1 % of 97,100 USD is left to the limit: 97.10 USD over 15 USD a share"
    assert [check.rule for check in order.checks if check.bound] == ["drawdown_budget"]


def test_a_drawdown_budget_that_is_used_up_is_a_denial(rules):
    held = (a_position(ticker="OLD", quantity="100", price="100", stop="99", sector="S"),)
    book = a_book(equity="97100", cash="87100", positions=held, peak="100000")
    denied = _assess(rules, a_proposal(stop="85.00", target="130.00"), book=book)
    assert isinstance(denied, Denial)
    assert denied.rule == "drawdown_budget"


def test_a_fraction_of_a_share_and_a_finer_price_count_against_the_entry(rules):
    held = (a_position(ticker="OLD", quantity="299.99999", price="100.00001", stop=None, sector="Energy"),)
    order = _assess(rules, book=a_book(equity="100000", cash="100000", positions=held))
    assert isinstance(order, Denial)
    assert order.rule in {"max_open_risk_fraction", "max_sector_fraction"}


def test_pending_entries_count_as_if_they_had_filled(rules):
    pending = PendingEntry(
        ticker="PEN",
        issuer="PEN",
        sector="Energy",
        quantity=Decimal(299),
        limit_price=Decimal(100),
        stop_price=Decimal(96),
    )
    denied = _assess(rules, book=a_book(pending=(pending,)))
    assert isinstance(denied, SizedOrder)
    assert denied.quantity == 1, "the sector's 30,000 USD less 29,900 USD pays one share of 100 USD"


def test_the_last_share_that_does_not_fit_is_a_denial_that_names_the_rule(rules):
    pending = PendingEntry(
        ticker="PEN",
        issuer="PEN",
        sector="Energy",
        quantity=Decimal(300),
        limit_price=Decimal(100),
        stop_price=Decimal(98),
    )
    denied = _assess(rules, book=a_book(pending=(pending,)))
    assert isinstance(denied, Denial)
    assert denied.rule == "max_sector_fraction"


@pytest.mark.parametrize("state", [TradingState.REDUCING, TradingState.HALTED])
def test_nothing_is_entered_unless_the_latch_is_active(rules, state):
    denied = _assess(rules, book=a_book(state=state))
    assert isinstance(denied, Denial)
    assert denied.rule == "trading_state"


def test_a_second_class_of_an_issuer_that_is_held_is_denied(rules):
    denied = _assess(
        rules,
        candidate=replace(a_candidate("GOOG"), issuer="Alphabet"),
        proposal=a_proposal(ticker="GOOG"),
        book=a_book(positions=(a_position("GOOGL", issuer="Alphabet"),)),
    )
    assert isinstance(denied, Denial)
    assert denied.rule == "max_positions_per_issuer"


def test_a_ticker_that_is_held_is_denied(rules):
    denied = _assess(rules, book=a_book(positions=(a_position("ABC"),)))
    assert isinstance(denied, Denial)
    assert denied.rule == "not_already_held"


def test_the_sixteenth_position_is_denied(rules):
    held = tuple(a_position(ticker=f"T{n}", quantity="1", sector=f"S{n}") for n in range(15))
    denied = _assess(rules, book=a_book(positions=held))
    assert isinstance(denied, Denial)
    assert denied.rule == "max_positions"


def test_one_entry_more_than_a_run_may_make_is_denied(rules):
    denied = _assess(rules, entries=rules.max_entries_per_run)
    assert isinstance(denied, Denial)
    assert denied.rule == "max_entries_per_run"


@pytest.mark.parametrize("volume", [None, float("nan"), float("inf"), 0.0, -1.0])
def test_unknown_liquidity_means_no(rules, volume):
    denied = _assess(rules, candidate=a_candidate(median_volume=volume))
    assert isinstance(denied, Denial)
    assert denied.rule == "min_dollar_volume_usd"


@pytest.mark.parametrize("equity", ["0", "-5", "NaN", "Infinity"])
def test_equity_that_is_not_a_positive_number_means_no(rules, equity):
    denied = _assess(rules, book=a_book(equity=equity, peak="100000", day_start="100000"))
    assert isinstance(denied, Denial)


def test_a_denial_shows_every_gate_that_was_looked_at(rules):
    denied = _assess(rules, book=a_book(state=TradingState.HALTED))
    assert isinstance(denied, Denial)
    assert {"trading_state", "drawdown", "max_positions", "min_price_usd"} <= {check.rule for check in denied.checks}


def test_shrinking_keeps_prices_and_id_and_adds_the_check(rules):
    order = _assess(rules)
    assert isinstance(order, SizedOrder)
    half = shrink(order, 0.5)
    assert isinstance(half, SizedOrder)
    assert (half.quantity, half.limit_price, half.client_order_id) == (32, order.limit_price, order.client_order_id)
    assert half.checks[-1].rule == "committee_size_fraction"


@pytest.mark.parametrize("fraction", [0.0, -1.0, 1.0001, float("nan")])
def test_no_fraction_can_enlarge_an_order(rules, fraction):
    order = _assess(rules)
    assert isinstance(order, SizedOrder)
    with pytest.raises(ValueError, match="size_fraction"):
        shrink(order, fraction)


def test_shrinking_one_share_away_is_a_denial(rules):
    order = _assess(rules, a_proposal(limit="6000.00", stop="5900.00", target="6200.00"))
    assert isinstance(order, SizedOrder)
    assert order.quantity == 1
    assert isinstance(shrink(order, 0.5), Denial)


def test_an_exit_sells_what_is_held_whatever_the_state(rules):
    order = exit_order(a_position(quantity="7"), "d9")
    assert (order.quantity, order.client_order_id) == (7, "tm-d9-exit")


@pytest.mark.parametrize(("price", "noted"), [("100", "100.00"), ("99.12345", "99.1234"), ("0", None), ("NaN", None)])
def test_an_exit_notes_what_a_share_was_worth_when_it_was_decided(price: str, noted: str | None) -> None:
    assert str(exit_order(a_position(price=price), "d9").decision_price) == str(noted)


def test_an_entry_notes_the_last_price_also_where_it_was_shrunk() -> None:
    proposal = propose(a_signal(), 100.0, 2.0, house_rules().stops)
    order = assessed(proposal)
    assert isinstance(order, SizedOrder)
    assert order.limit_price is not None
    assert (order.decision_price, shrink(order, 0.5).decision_price) == (Decimal("100.00"), Decimal("100.00"))
    assert order.limit_price > order.decision_price


def test_the_drawdown_stop_latches_at_its_limit_and_not_before(rules):
    just_before = a_book(equity="97000.01", peak="100000", day_start="97000.01")
    at_limit = a_book(equity="97000", peak="100000", day_start="97000")
    assert _moved(just_before) is None
    change = _moved(at_limit)
    assert change is not None
    assert change.state is TradingState.REDUCING
    assert "peak" in change.reason


def test_the_day_counts_as_a_reference_too(rules):
    change = _moved(a_book(equity="97000", peak="100000", day_start="100000"))
    assert change is not None


def test_reducing_becomes_halted_only_when_nothing_is_held(rules):
    holding = a_book(state=TradingState.REDUCING, positions=(a_position(),))
    flat = a_book(state=TradingState.REDUCING)
    assert _moved(holding) is None
    change = _moved(flat)
    assert change is not None
    assert change.state is TradingState.HALTED


def test_halted_stays_halted_however_well_the_book_looks(rules):
    assert _moved(a_book(state=TradingState.HALTED)) is None


def test_proposed_prices_stand_in_order_and_on_cents(rules):
    proposal = propose(a_signal(), last_price=123.456, atr=2.345, rules=rules.stops)
    assert proposal.limit_price == Decimal("123.82")
    assert proposal.stop_price == Decimal("119.13")
    assert proposal.target_price == Decimal("130.85")


def test_prices_are_computed_in_decimals_so_that_no_cent_is_lost_to_binary_fractions(rules):
    assert propose(a_signal(), last_price=50.0, atr=1.0, rules=rules.stops).limit_price == Decimal("50.15")


@pytest.mark.parametrize(("price", "spread"), [(float("nan"), 1.0), (0.0, 1.0), (10.0, float("nan")), (10.0, 6.0)])
def test_prices_that_make_no_stop_mean_the_symbol_sits_out(rules, price, spread):
    with pytest.raises(DataMissing):
        propose(a_signal(), last_price=price, atr=spread, rules=rules.stops)
