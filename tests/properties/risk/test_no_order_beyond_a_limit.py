"""Whatever the book, the rules and the candidate: no order beyond a limit, by sums that another hand wrote."""

from dataclasses import fields, replace
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tenthman_fuzz import GARBAGE, candidates_on, fuzz, random_book, random_rules, rules_of
from tenthman_risk import HOUSE_RULES, a_book, a_candidate, a_position, a_proposal, a_signal, assessed, house_rules

from tenthman.config import RiskRules
from tenthman.domain.errors import DataMissing
from tenthman.domain.findings import failed_rules
from tenthman.domain.order import Book, PendingEntry, SizedOrder
from tenthman.risk.constraints import Candidate
from tenthman.risk.controller import exit_order
from tenthman.risk.figures import BEYOND_ALL, BookFigures, figures_of
from tenthman.risk.numbers import rule_numbers
from tenthman.risk.stops import propose

seeds = st.integers(0, 2**32)
OPTIONAL = {
    "gap_allowance_fraction": 0.02,
    "max_turnover_fraction": 0.05,
    "cool_off_sessions": 2,
    "cluster": {"correlation": 0.5, "sessions": 60, "max_fraction": 0.05},
    "data_quality": {"sessions": 20, "max_faults": 0},
    "blackout": {"dates": (), "sessions_before": 1},
}


def shares(
    book: Book, candidate: Candidate, rules: RiskRules = HOUSE_RULES, limit: str = "50", stop: str = "48"
) -> Decimal:
    """What risk gives, 0 for a denial."""
    found = assessed(a_proposal(limit, stop, "60", candidate.ticker), candidate, book, rules)
    return found.quantity if isinstance(found, SizedOrder) else Decimal(0)


def drawn(seed: int) -> tuple[Book, Candidate]:
    draw = Random(seed)
    book = random_book(draw)
    (candidate, _), *_ = candidates_on(draw, book, random_rules(draw))
    return book, candidate


def facts_of(figures: BookFigures) -> dict[str, object]:
    return {field.name: getattr(figures, field.name) for field in fields(figures)}


def test_no_order_on_thousands_of_random_books_breaks_a_rule_by_other_sums() -> None:
    found = fuzz(2_000, seed=7)
    assert found.broken == ()
    assert found.orders > 300, "books on which nothing is ever entered prove nothing"
    assert found.tight > 0.95 * found.orders, "one share more breaks a rule: the orders are as large as they may be"


@given(seeds)
@settings(max_examples=200, deadline=None)
def test_a_rule_more_never_enlarges_an_order(seed: int) -> None:
    book, candidate = drawn(seed)
    written = random_rules(Random(seed))
    for rule, setting in OPTIONAL.items():
        allowed = shares(book, candidate, rules_of({**written, rule: setting}))
        if allowed > 0:
            assert allowed <= shares(book, candidate, rules_of({**written, rule: None}))


@given(seeds)
@settings(max_examples=200, deadline=None)
def test_less_information_never_means_more_at_risk(seed: int) -> None:
    book, candidate = drawn(seed)
    rules = rules_of(random_rules(Random(seed)))
    known = shares(book, candidate, rules)
    assert shares(book, replace(candidate, median_volume=None), rules) == 0
    assert shares(book, replace(candidate, apart=frozenset()), rules) <= known
    bare = tuple(replace(item, stop_price=None) for item in book.positions)
    assert shares(replace(book, positions=bare), candidate, rules) <= known


@given(seeds, st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_the_order_in_which_a_book_is_listed_changes_nothing(seed: int, order: Random) -> None:
    book, candidate = drawn(seed)
    held, waiting = list(book.positions), list(book.pending)
    order.shuffle(held)
    order.shuffle(waiting)
    mixed = replace(book, positions=tuple(held), pending=tuple(waiting))
    assert shares(mixed, candidate) == shares(book, candidate)


@pytest.mark.parametrize("value", GARBAGE)
@pytest.mark.parametrize("field", ["equity", "peak_equity", "day_start_equity", "week_start_equity", "cash", "bought"])
def test_a_sum_of_the_account_that_cannot_be_means_no(field: str, value: str) -> None:
    rules = house_rules(max_turnover_fraction=0.5, drawdown={"references": ("peak", "day_start", "week_start")})
    book = replace(a_book(), **{field: Decimal(value)})
    if (field, value) == ("bought", "0"):
        return
    assert shares(book, a_candidate(), rules) == 0


@pytest.mark.parametrize("value", GARBAGE)
@pytest.mark.parametrize("field", ["quantity", "current_price"])
def test_a_holding_that_cannot_be_means_no(field: str, value: str) -> None:
    book = a_book(positions=(replace(a_position(), **{field: Decimal(value)}),))
    assert shares(book, a_candidate()) == 0
    figures = figures_of(book, rule_numbers(HOUSE_RULES))
    assert min(figures.exposure(), figures.open_risk) >= BEYOND_ALL, "it takes all room, by worth and by risk"


@pytest.mark.parametrize("stop", [None, *(Decimal(value) for value in GARBAGE)])
def test_a_stop_that_cannot_be_protects_nothing(stop: Decimal | None) -> None:
    book = a_book(positions=(replace(a_position(quantity="29", price="100"), stop_price=stop),))
    assert shares(book, a_candidate()) == 50, "3,000 USD less all of 2,900 USD, over 2 USD a share"


@given(seeds)
@settings(max_examples=100, deadline=None)
def test_what_a_record_says_failed_is_what_its_words_say(seed: int) -> None:
    book, candidate = drawn(seed)
    found = assessed(
        a_proposal("50", "48", "60", candidate.ticker), candidate, book, rules_of(random_rules(Random(seed)))
    )
    counted, failed = len(found.checks), list(failed_rules(found.checks))
    assert counted == len(tuple(found.checks))
    assert failed == [check.rule for check in found.checks if not check.passed]


@given(seeds, st.integers(1, 500), st.integers(1, 10**8))
@settings(max_examples=100, deadline=None)
def test_a_book_that_an_entry_was_added_to_is_the_book_that_holds_it(seed: int, quantity: int, price: int) -> None:
    book, candidate = drawn(seed)
    rules = rule_numbers(rules_of(random_rules(Random(seed))))
    limit = Decimal(price).scaleb(-4)
    sent = PendingEntry(
        ticker=candidate.ticker, issuer=candidate.issuer, sector=candidate.sector, quantity=Decimal(quantity),
        limit_price=limit, stop_price=limit / 2,
    )  # fmt: skip
    if not (book.bought.is_finite() and 0 <= book.bought < 10**9):
        return
    later = replace(book, pending=(*book.pending, sent), bought=book.bought + quantity * limit)
    assert facts_of(figures_of(book, rules).with_entry(sent)) == facts_of(figures_of(later, rules))


@given(seeds)
@settings(max_examples=50, deadline=None)
def test_an_exit_asks_no_limit_on_entries(seed: int) -> None:
    for position in random_book(Random(seed)).positions:
        if position.quantity.is_finite() and position.quantity > 0:
            assert exit_order(position, "d").quantity == position.quantity


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.0, -1.0, 1e9, 1e300])
def test_a_price_or_a_range_that_cannot_be_means_that_the_name_sits_out(value: float) -> None:
    for price, spread in ((value, 1.0), (50.0, value)):
        with pytest.raises(DataMissing):
            propose(a_signal(), price, spread, HOUSE_RULES.stops)
