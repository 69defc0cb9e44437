"""Whatever a model answers and whatever the book, the committee only subtracts and no order breaks a rule.

What holds of a committee that subtracts, in order of strength:

1. Each single entry is at most what risk alone gives that candidate on the book of that moment, at risk's prices.
2. Up to and with the first candidate from whom something is taken, all entries are those of a desk without a model.
3. Later candidates may get the room that an earlier veto or shrink left: never more than point 1 allows.
4. Where there is room for all, entries are a subset of those without a model, none larger.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from tenthman_checker import broken_rules, rules_as_written
from tenthman_decision import (
    CONFIG,
    QUIET_FIGURES,
    SECTORS,
    a_question,
    answering,
    entries,
    entry_figures,
    facts_of,
    figures_of,
    holes,
    prepared_of,
    signal_of,
    with_entry,
)
from tenthman_risk import a_book, a_position

from tenthman.decision import Decided, Prepared, decide
from tenthman.domain.opinion import Action, Ask, Enter, Hold, Prompt, Reply, ReplyState
from tenthman.domain.order import EXTERNAL, Book, Denial, PendingEntry, Position, Purpose, SizedOrder, TradingState
from tenthman.risk.constraints import Candidate
from tenthman.risk.controller import assess
from tenthman.risk.figures import figures_of as seen_by_risk
from tenthman.risk.numbers import rule_numbers
from tenthman.risk.stops import propose

RULES = rules_as_written()
NUMBERS = rule_numbers(CONFIG.risk_rules)
STANCES = ("approve", "shrink", "veto", "abstain", "buy more")

figures = st.sampled_from(
    [
        QUIET_FIGURES,
        QUIET_FIGURES,
        QUIET_FIGURES | {"realised_vol_20": 0.9},
        QUIET_FIGURES | {"gap_atr": -4.0},
        {name: value for name, value in QUIET_FIGURES.items() if name != "rsi_14"},
    ]
)
prices = st.one_of(st.floats(8.0, 90.0), st.floats(8.0, 900.0), st.floats(3.0, 8.0)).map(lambda price: round(price, 2))


@dataclass(frozen=True)
class Opinion:
    """A model's answer to any prompt: raw text, or a well-formed answer with a reason of the prompt's own schema."""

    state: ReplyState
    text: str | None
    stance: str
    confidence: int

    def to(self, prompt: Prompt) -> tuple[ReplyState, str]:
        if self.text is not None:
            return self.state, self.text
        reasons = json.loads(prompt.schema_json)["properties"]["reasons"]["enum"]
        told = {"reasons": reasons[:1], "cited": [], "confidence_pct": self.confidence, "stance": self.stance}
        return self.state, json.dumps(told)


opinions = st.builds(
    Opinion,
    state=st.one_of(st.just(ReplyState.ANSWERED), st.sampled_from(ReplyState)),
    text=st.one_of(st.none(), st.none(), st.text(max_size=60)),
    stance=st.sampled_from(STANCES),
    confidence=st.integers(-5, 105),
)


def _in_order(replies: Sequence[Reply]) -> list[Reply]:
    return list(replies)


def _backwards(replies: Sequence[Reply]) -> list[Reply]:
    return list(reversed(replies))


def _one_missing(replies: Sequence[Reply]) -> list[Reply]:
    return list(replies[1:])


def _twice(replies: Sequence[Reply]) -> list[Reply]:
    return [*replies, *replies]


def _to_another_prompt(replies: Sequence[Reply]) -> list[Reply]:
    return [replace(reply, prompt_hash="0" * 64) for reply in replies]


@st.composite
def asks(draw: Callable[..., object]) -> Ask:
    """A model that answers by the prompt's hash, so the same question gets the same answer, and may mix up replies."""
    answers: list[Opinion] = draw(st.lists(opinions, min_size=1, max_size=6))
    deliver = draw(st.sampled_from([_in_order, _in_order, _backwards, _one_missing, _twice, _to_another_prompt]))
    plain = answering(lambda prompt: answers[int(prompt.hash[:8], 16) % len(answers)].to(prompt))
    return lambda prompts: tuple(deliver(plain(prompts)))


@st.composite
def markets(draw: Callable[..., object]) -> Prepared:
    """Up to ten candidates, with sectors and issuers in common."""
    count = draw(st.integers(1, 10))
    facts, signals = [], []
    for number in range(count):
        price = draw(prices)
        facts.append(
            facts_of(
                f"T{number}",
                sector=draw(st.sampled_from(SECTORS)),
                issuer=draw(st.sampled_from([None, None, None, "Alphabet"])),
                price=price,
                spread=round(price * draw(st.one_of(st.floats(0.002, 0.03), st.floats(0.002, 0.6))), 4),
                volume=draw(st.sampled_from([1e4, 3e5, 5e6, 8e7, 8e7])),
                figures=draw(figures),
            )
        )
        action = draw(st.sampled_from([Action.BUY, Action.BUY, Action.BUY, Action.SELL]))
        signals.append(signal_of(f"T{number}", action, draw(st.sampled_from([-0.2, 0.1, 0.2, 0.2, 0.4]))))
    return prepared_of(facts, signals)


@st.composite
def holdings(draw: Callable[..., object], name: str, equity: Decimal, calm: bool) -> Position:
    """Up to a quarter of equity; calm ones have a stop so near that there is risk left for others."""
    price = draw(st.integers(5, 150))
    nearness = draw(st.sampled_from(["0.995", "1.01", "1.02"] if calm else ["0.99", "1.01", "0.8", None]))
    return a_position(
        name,
        quantity=str(max(1, int(equity * draw(st.sampled_from([1, 5, 12, 27])) / 100 / price))),
        price=str(price),
        stop=None if nearness is None else str(price * Decimal(nearness)),
        sector=draw(st.sampled_from(SECTORS)),
        issuer=draw(st.sampled_from([None, None, None, "Alphabet"])),
        sessions_held=draw(st.integers(0, 14)),
        decision_id=draw(st.sampled_from(["d", "d", EXTERNAL])),
    )


@st.composite
def books(draw: Callable[..., object]) -> Book:
    """Holdings (some of candidates, some external, some bare), entries at work, and cash that may be short."""
    equity = Decimal(draw(st.integers(20_000, 400_000)))
    names = draw(st.lists(st.sampled_from(["T0", "T1", "T2", "H1", "H2", "H3", "H4"]), max_size=5, unique=True))
    calm = draw(st.sampled_from([True, True, False]))
    positions = tuple(draw(holdings(name, equity, calm)) for name in names)
    stops = st.sampled_from(["49.90", "49", "49.99"] if calm else ["0.01", "49"])
    pending = tuple(
        PendingEntry(
            ticker=name,
            issuer=name,
            sector=draw(st.sampled_from(SECTORS)),
            quantity=Decimal(draw(st.integers(1, 90))),
            limit_price=Decimal(50),
            stop_price=Decimal(draw(stops)),
        )
        for name in draw(st.lists(st.sampled_from(["T3", "P1", "P2"]), max_size=2, unique=True))
    )
    book = a_book(
        equity=str(equity),
        cash=str(equity * draw(st.sampled_from([3, 12, 40, 90, 90])) / 100),
        positions=positions,
        pending=pending,
        state=draw(st.sampled_from([TradingState.ACTIVE] * 6 + [TradingState.REDUCING, TradingState.HALTED])),
        peak=str(equity * draw(st.sampled_from([100] * 6 + [101, 105])) / 100),
    )
    return replace(book, exiting=frozenset(name for name in names if draw(st.booleans()) and name.startswith("H")))


def run(prepared: Prepared, book: Book, ask: Ask | None = None) -> list[Decided]:
    return list(decide(prepared, book, holes(ask), a_question(), CONFIG))


def exits(decided: Sequence[Decided]) -> list[SizedOrder]:
    found = [item.decision.outcome for item in decided]
    return [order for order in found if isinstance(order, SizedOrder) and order.purpose is Purpose.EXIT]


def named(order: SizedOrder) -> tuple[object, ...]:
    """All of an entry that nobody may change."""
    return (
        order.client_order_id, order.ticker, order.side, order.order_type, order.time_in_force, order.limit_price,
        order.stop_price, order.target_price,
    )  # fmt: skip


def candidates_of(decided: Sequence[Decided], book: Book) -> list[Decided]:
    held = {position.ticker for position in book.positions}
    return [item for item in decided if item.decision.ticker not in held]


@given(prepared=markets(), book=books(), ask=st.one_of(st.none(), asks()))
@settings(max_examples=300, deadline=None)
def test_no_entry_breaks_a_rule_by_anybody_elses_sums(prepared: Prepared, book: Book, ask: Ask | None) -> None:
    figures_now = figures_of(book)
    for number, (ticker, order) in enumerate(entries(run(prepared, book, ask)).items()):
        entry = entry_figures(order, prepared.facts[ticker], number)
        assert book.state is TradingState.ACTIVE
        assert broken_rules(entry, figures_now, RULES) == []
        figures_now = with_entry(figures_now, entry)


@given(prepared=markets(), book=books(), ask=asks())
@settings(max_examples=300, deadline=None)
def test_each_entry_is_at_most_what_risk_alone_gives_on_the_book_of_that_moment(
    prepared: Prepared, book: Book, ask: Ask
) -> None:
    signals = {signal.ticker: signal for signal in prepared.signals}
    for number, (ticker, order) in enumerate(entries(run(prepared, book, ask)).items()):
        facts = prepared.facts[ticker]
        alone = assess(
            propose(signals[ticker], facts.last_price, facts.atr, CONFIG.risk_rules.stops),
            Candidate(
                ticker=ticker,
                issuer=facts.listing.issuer,
                sector=facts.listing.sector,
                median_volume=facts.median_volume,
            ),
            seen_by_risk(book, NUMBERS),
            a_question().id_for(ticker),
            number,
        )
        assert isinstance(alone, SizedOrder)
        assert named(order) == named(alone)
        assert order.quantity <= alone.quantity
        book = replace(book, pending=(*book.pending, _pending(order, facts.listing.issuer, facts.listing.sector)))


@given(prepared=markets(), book=books(), ask=asks())
@settings(max_examples=300, deadline=None)
def test_up_to_the_first_subtraction_the_desk_does_what_it_does_without_a_model(
    prepared: Prepared, book: Book, ask: Ask
) -> None:
    plain, told = run(prepared, book), run(prepared, book, ask)
    assert [item.decision.id for item in told] == [item.decision.id for item in plain]
    assert exits(told) == exits(plain)
    for before, after in zip(candidates_of(plain, book), candidates_of(told, book), strict=True):
        whole, left = _order(before), _order(after)
        assert after.case == before.case
        if whole == left:
            continue
        assert whole is not None, "nothing appears where nothing was"
        if left is None:
            assert after.decision.shadow is not None
        else:
            assert named(left) == named(whole)
            assert left.quantity < whole.quantity
        break


@st.composite
def roomy(draw: Callable[..., object]) -> Prepared:
    """At most six candidates of six sectors with stops far enough that all caps together have room for all."""
    count = draw(st.integers(1, 6))
    facts = []
    for number in range(count):
        price = draw(prices.filter(lambda price: price >= 6.0))
        facts.append(
            facts_of(
                f"T{number}",
                sector=f"S{number}",
                price=price,
                spread=round(price * draw(st.floats(0.01, 0.3)), 4),
                volume=8e7,
                figures=draw(figures),
            )
        )
    return prepared_of(facts, [signal_of(f"T{number}", score=draw(st.floats(0.05, 0.6))) for number in range(count)])


@given(prepared=roomy(), ask=asks())
@settings(max_examples=300, deadline=None)
def test_where_there_is_room_for_all_entries_are_a_subset_and_none_is_larger(prepared: Prepared, ask: Ask) -> None:
    book = a_book(equity="1000000", cash="1000000")
    plain, told = entries(run(prepared, book)), entries(run(prepared, book, ask))
    assert list(told) == [ticker for ticker in plain if ticker in told]
    for ticker, order in told.items():
        assert named(order) == named(plain[ticker])
        assert order.quantity <= plain[ticker].quantity


@given(prepared=roomy(), vetoed=st.sets(st.sampled_from([f"T{number}" for number in range(6)])))
@settings(max_examples=100, deadline=None)
def test_a_veto_touches_no_other_ticker_where_there_is_room_for_all(prepared: Prepared, vetoed: set[str]) -> None:
    def say(prompt: Prompt) -> tuple[ReplyState, str]:
        against = any(f"buy {ticker} " in prompt.shared for ticker in vetoed)
        return Opinion(ReplyState.ANSWERED, None, "veto" if against else "approve", 80).to(prompt)

    book = a_book(equity="1000000", cash="1000000")
    plain, told = entries(run(prepared, book)), entries(run(prepared, book, answering(say)))
    assert {name: (named(order), order.quantity) for name, order in told.items()} == {
        name: (named(order), order.quantity) for name, order in plain.items() if name not in vetoed
    }


@given(prepared=markets(), book=books())
@settings(max_examples=150, deadline=None)
def test_a_model_that_cannot_be_reached_changes_nothing_but_the_critiques(prepared: Prepared, book: Book) -> None:
    away = answering(lambda _: (ReplyState.UNREACHABLE, ""))
    plain, told = run(prepared, book), run(prepared, book, away)
    assert [(replace(item.decision, critiques=()), item.case) for item in told] == [
        (replace(item.decision, critiques=()), item.case) for item in plain
    ]
    for before, after in zip(plain, told, strict=True):
        assert before.decision.critiques == after.decision.critiques[-len(before.decision.critiques) :] or not (
            before.decision.critiques or after.decision.critiques
        )


@given(prepared=markets(), book=books(), order=st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_the_order_of_candidates_and_holdings_changes_nothing(prepared: Prepared, book: Book, order: object) -> None:
    def mixed(items: Sequence[object]) -> tuple[object, ...]:
        return tuple(order.sample(list(items), len(items)))

    other = replace(
        prepared,
        signals=mixed(prepared.signals),
        facts={name: prepared.facts[name] for name in mixed(list(prepared.facts))},
    )
    shuffled = replace(book, positions=mixed(book.positions), pending=mixed(book.pending))
    assert run(other, shuffled) == run(prepared, book)


@given(prepared=markets(), book=books(), ask=asks())
@settings(max_examples=150, deadline=None)
def test_exits_sell_what_the_desk_opened_wholly_and_once_and_never_what_it_did_not(
    prepared: Prepared, book: Book, ask: Ask
) -> None:
    held = {position.ticker: position for position in book.positions}
    told = run(prepared, book, ask)
    sold = exits(told)
    assert len({order.ticker for order in sold}) == len(sold)
    for order in sold:
        assert order.quantity == held[order.ticker].quantity
        assert held[order.ticker].decision_id != EXTERNAL
        assert order.ticker not in book.exiting
    if book.state is TradingState.HALTED:
        assert not sold
        assert not entries(told)
    if book.state is TradingState.REDUCING:
        ours = {name for name, position in held.items() if position.decision_id != EXTERNAL}
        assert {order.ticker for order in sold} == ours - book.exiting
        assert not entries(told)
    if book.state is TradingState.ACTIVE:
        bare = {name for name, item in held.items() if item.stop_price is None and item.decision_id != EXTERNAL}
        late = {name for name, item in held.items() if item.sessions_held >= 10 and item.decision_id != EXTERNAL}
        assert (bare | late) - book.exiting <= {order.ticker for order in sold}


@given(prepared=markets(), book=books())
@settings(max_examples=100, deadline=None)
def test_every_decision_carries_what_its_record_needs(prepared: Prepared, book: Book) -> None:
    told = run(prepared, book)
    assert len({item.decision.id for item in told}) == len(told)
    for item in told:
        assert (item.case is None) == (item.decision.case_hash is None)
        if isinstance(item.decision.outcome, Denial):
            assert isinstance(item.decision.verdict, Enter | Hold)
        if isinstance(item.decision.outcome, SizedOrder):
            assert item.decision.outcome.decision_id == item.decision.id


def _order(decided: Decided) -> SizedOrder | None:
    return decided.decision.outcome if isinstance(decided.decision.outcome, SizedOrder) else None


def _pending(order: SizedOrder, issuer: str, sector: str) -> PendingEntry:
    assert order.limit_price is not None
    assert order.stop_price is not None
    return PendingEntry(
        ticker=order.ticker, issuer=issuer, sector=sector, quantity=order.quantity, limit_price=order.limit_price,
        stop_price=order.stop_price,
    )  # fmt: skip
