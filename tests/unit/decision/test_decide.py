"""Exits first and unasked, then entries in order of score; what the committee may and may not do to them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest
from tenthman_decision import (
    CONFIG,
    QUIET_FIGURES,
    a_question,
    answering,
    entries,
    facts_of,
    holes,
    prepared_of,
    signal_of,
    silent,
)
from tenthman_risk import a_book, a_position

from tenthman.agents.committee import Standing
from tenthman.config import Config
from tenthman.decision import Decided, Prepared, decide, decide_exits
from tenthman.domain.audit import Slot
from tenthman.domain.errors import DataMissing
from tenthman.domain.news import Passage
from tenthman.domain.opinion import (
    Abstain,
    Action,
    Ask,
    Enter,
    Exit,
    Hold,
    Prompt,
    Reply,
    ReplyState,
    Role,
    Signal,
    Veto,
)
from tenthman.domain.order import EXTERNAL, Book, Denial, Position, Purpose, Side, SizedOrder, TradingState

SECTORS = ("Energy", "Health Care", "Utilities", "Materials", "Industrials", "Technology", "Finance", "Staples")
APPROVE = '{"reasons":["good_edge"],"cited":[],"confidence_pct":70,"stance":"approve"}'
SHRINK = '{"reasons":["volatile"],"cited":[],"confidence_pct":70,"stance":"shrink"}'
VETO = '{"reasons":["weak_edge"],"cited":[],"confidence_pct":70,"stance":"veto"}'


def candidates(count: int) -> Prepared:
    """Candidates T0, T1, ... by falling score, each in a sector of its own."""
    return prepared_of(
        [facts_of(f"T{number}", sector=SECTORS[number]) for number in range(count)],
        [signal_of(f"T{number}", score=0.5 - number / 20) for number in range(count)],
    )


def committee_says(say: Callable[[Prompt], str]) -> Ask:
    """The committee agent answers; the advisers are away."""
    return answering(
        lambda prompt: (
            (ReplyState.ANSWERED, say(prompt)) if prompt.role is Role.COMMITTEE else (ReplyState.TIMED_OUT, "")
        )
    )


def about(prompt: Prompt, ticker: str) -> bool:
    return f"buy {ticker} " in prompt.shared


def never(_prompts: tuple[Prompt, ...]) -> tuple[Reply, ...]:
    raise AssertionError("nobody may be asked")


def decided(prepared: Prepared, book: Book, ask: Ask | None = None, config: Config = CONFIG) -> list[Decided]:
    return list(decide(prepared, book, holes(ask, agents=config.agents), a_question(), config))


def holding(position: Position, signal: Signal | None = None, state: TradingState = TradingState.ACTIVE) -> Decided:
    prepared = prepared_of([facts_of(position.ticker)], [] if signal is None else [signal])
    (answer,) = decided(prepared, a_book(positions=(position,), state=state), never)
    return answer


class TestHoldings:
    @pytest.mark.parametrize(
        ("changed", "action", "state", "reason"),
        [
            ({}, Action.SELL, TradingState.ACTIVE, "signal"),
            ({"stop_price": None}, Action.BUY, TradingState.ACTIVE, "unprotected"),
            ({"sessions_held": 10}, Action.BUY, TradingState.ACTIVE, "time"),
            ({"sessions_held": 11}, None, TradingState.ACTIVE, "time"),
            ({}, Action.BUY, TradingState.REDUCING, "drawdown stop"),
            ({}, None, TradingState.REDUCING, "drawdown stop"),
        ],
    )
    def test_a_reason_to_sell_is_an_exit_of_the_whole_holding_and_nobody_is_asked(
        self, changed: dict[str, object], action: Action | None, state: TradingState, reason: str
    ) -> None:
        position = replace(a_position("HLD", quantity="7"), **changed)
        answer = holding(position, None if action is None else signal_of("HLD", action), state)
        order = answer.decision.outcome
        assert answer.decision.verdict == Exit(reason=reason)
        assert isinstance(order, SizedOrder)
        assert (order.purpose, order.side, order.quantity) == (Purpose.EXIT, Side.SELL, Decimal(7))
        assert order.client_order_id == f"tm-{answer.decision.id}-exit"
        assert (answer.case, answer.decision.critiques) == (None, ())

    @pytest.mark.parametrize("action", [Action.HOLD, Action.BUY, None])
    def test_a_sound_holding_is_kept(self, action: Action | None) -> None:
        answer = holding(a_position("HLD", sessions_held=9), None if action is None else signal_of("HLD", action))
        assert (answer.decision.verdict, answer.decision.outcome) == (Hold(reason="nothing says sell"), None)

    @pytest.mark.parametrize("state", list(TradingState))
    @pytest.mark.parametrize("stop", [None, "96"])
    def test_what_the_desk_did_not_open_is_never_sold(self, state: TradingState, stop: str | None) -> None:
        position = a_position("HLD", stop=stop, sessions_held=500, decision_id=EXTERNAL)
        answer = holding(position, signal_of("HLD", Action.SELL, -0.3), state)
        assert (answer.decision.verdict, answer.decision.outcome) == (Hold(reason="not opened by the desk"), None)

    def test_an_exit_at_work_is_not_sent_twice(self) -> None:
        book = replace(
            a_book(positions=(a_position("HLD", stop=None),), state=TradingState.REDUCING), exiting=frozenset({"HLD"})
        )
        (answer,) = decided(prepared_of([facts_of("HLD")], []), book, never)
        assert (answer.decision.verdict, answer.decision.outcome) == (Hold(reason="an exit is already at work"), None)

    @pytest.mark.parametrize("stop", [None, "96"])
    def test_halted_sends_nothing_whatever_speaks_for_it(self, stop: str | None) -> None:
        position = a_position("HLD", stop=stop, sessions_held=50)
        answer = holding(position, signal_of("HLD", Action.SELL, -0.3), TradingState.HALTED)
        assert answer.decision.outcome is None
        assert isinstance(answer.decision.verdict, Hold)

    def test_a_holding_is_no_candidate(self) -> None:
        told = decided(candidates(2), a_book(positions=(a_position("T0"),)))
        assert [(item.decision.ticker, type(item.decision.verdict)) for item in told] == [("T0", Hold), ("T1", Enter)]

    def test_holdings_come_before_entries_and_in_order_of_ticker(self) -> None:
        positions = (a_position("ZZZ", stop=None), a_position("AAA", stop=None))
        told = decided(candidates(2), a_book(positions=positions))
        assert [item.decision.ticker for item in told] == ["AAA", "ZZZ", "T0", "T1"]

    def test_a_check_closes_without_any_opinion_of_the_model(self) -> None:
        book = a_book(positions=(a_position("BBB"), a_position("AAA", stop=None)), state=TradingState.ACTIVE)
        told = list(decide_exits(book, a_question(Slot.CHECK), CONFIG.risk_rules))
        assert [item.decision.verdict for item in told] == [
            Exit(reason="unprotected"),
            Hold(reason="nothing says sell"),
        ]
        assert {item.decision.signal for item in told} == {None}
        assert {item.decision.slot for item in told} == {Slot.CHECK}


class TestEntries:
    def test_buys_are_looked_at_in_order_of_score_and_ties_by_ticker(self) -> None:
        facts = [facts_of(ticker, sector=SECTORS[place]) for place, ticker in enumerate("DCBA")]
        signals = [signal_of("D", score=0.2), signal_of("C", score=0.4), signal_of("B", score=0.2), signal_of("A")]
        told = decided(prepared_of(facts, signals), a_book())
        assert [item.decision.ticker for item in told] == ["C", "A", "B", "D"]

    @pytest.mark.parametrize("action", [Action.SELL, Action.HOLD])
    def test_only_a_buy_is_a_candidate(self, action: Action) -> None:
        assert decided(prepared_of([facts_of("T0")], [signal_of("T0", action)]), a_book()) == []

    def test_an_entry_is_a_bracket_whose_id_comes_from_its_decision(self) -> None:
        (answer,) = decided(candidates(1), a_book())
        order = answer.decision.outcome
        assert isinstance(order, SizedOrder)
        assert order.client_order_id == f"tm-{answer.decision.id}-entry"
        assert (order.limit_price, order.stop_price, order.target_price) == (
            Decimal("40.12"),
            Decimal("38.12"),
            Decimal("43.12"),
        )
        assert order.quantity == 162, "6.5 % of 100,000 USD at 40.12"
        assert answer.case is not None
        assert answer.decision.case_hash == answer.case.hash

    def test_what_was_sent_counts_for_the_next_candidate(self) -> None:
        facts = [facts_of(f"T{number}", sector="Energy") for number in range(6)]
        signals = [signal_of(f"T{number}", score=0.5 - number / 20) for number in range(6)]
        sent = entries(decided(prepared_of(facts, signals), a_book()))
        assert [int(order.quantity) for order in sent.values()] == [162, 162, 162, 162, 49, 25], (
            "30,000 USD a sector: four whole entries, then half of what is left, since it is concentrated"
        )
        spent = sum(order.quantity * (order.limit_price or 0) for order in sent.values())
        assert spent <= 30_000

    @pytest.mark.parametrize("state", [TradingState.REDUCING, TradingState.HALTED])
    def test_nothing_is_entered_unless_active_and_nobody_is_asked(self, state: TradingState) -> None:
        told = decided(candidates(3), a_book(state=state), never)
        assert [item.decision.verdict for item in told] == [Hold(reason="risk: trading_state")] * 3
        assert all(isinstance(item.decision.outcome, Denial) for item in told)

    def test_prices_that_make_no_stop_are_a_hold_and_the_next_is_looked_at(self) -> None:
        prepared = prepared_of(
            [facts_of("T0", spread=40.0), facts_of("T1")], [signal_of("T0", score=0.4), signal_of("T1", score=0.3)]
        )
        first, second = decided(prepared, a_book())
        assert isinstance(first.decision.verdict, Hold)
        assert "must be above 0" in first.decision.verdict.reason
        assert isinstance(second.decision.outcome, SizedOrder)

    def test_a_decision_is_made_only_when_the_one_before_was_taken(self) -> None:
        asked: list[str] = []

        def note(prompt: Prompt) -> tuple[ReplyState, str]:
            asked.append(prompt.shared)
            return ReplyState.ABSTAINED, ""

        running = decide(candidates(2), a_book(), holes(answering(note)), a_question(), CONFIG)
        assert asked == []
        next(running)
        assert asked
        assert not [shared for shared in asked if "buy T1 " in shared]

    def test_the_case_quotes_what_was_known_and_shows_the_plan_and_the_book(self) -> None:
        wanted: list[tuple[str, str, datetime]] = []
        passage = Passage(
            id="n1", item_id="i", text="words", source="wire", known_at=a_question().as_of, sentiment=0.2, relevance=1.0
        )

        def quote(ticker: str, name: str, as_of: datetime) -> tuple[Passage, ...]:
            wanted.append((ticker, name, as_of))
            return (passage,)

        openings = replace(holes(), quote=quote)
        (answer,) = decide(candidates(1), a_book(), openings, a_question(), CONFIG)
        assert wanted == [("T0", "T0 Inc", a_question().as_of)]
        assert answer.case is not None
        assert answer.case.passages == (passage,)
        shown = {figure.name: figure.value for figure in answer.case.figures}
        assert shown["rsi_14"] == QUIET_FIGURES["rsi_14"]
        assert shown["position_fraction"] == pytest.approx(162 * 40.12 / 100_000)
        assert shown["reward_risk"] == pytest.approx(1.5)
        assert (shown["open_positions"], shown["drawdown"], shown["open_risk_fraction"]) == (0, 0, 0)

    def test_a_name_whose_headlines_cannot_be_had_sits_out_and_the_others_go_on(self) -> None:
        def quote(ticker: str, _name: str, _as_of: datetime) -> tuple[Passage, ...]:
            if ticker == "T0":
                raise DataMissing("the embedder gave no vectors")
            return ()

        first, second = decide(candidates(2), a_book(), replace(holes(), quote=quote), a_question(), CONFIG)
        assert first.decision.verdict == Hold(reason="the embedder gave no vectors")
        assert first.decision.outcome is None
        assert isinstance(second.decision.outcome, SizedOrder)


class TestCommittee:
    def test_a_binding_veto_sends_nothing_and_keeps_the_order_as_a_shadow(self) -> None:
        (answer,) = decided(candidates(1), a_book(), committee_says(lambda _: VETO))
        (unasked,) = decided(candidates(1), a_book())
        assert answer.decision.verdict == Veto(by="committee", reasons=("weak_edge",))
        assert answer.decision.outcome is None
        assert answer.decision.shadow == unasked.decision.outcome

    def test_a_binding_shrink_halves_the_order_and_keeps_the_whole_as_a_shadow(self) -> None:
        (answer,) = decided(candidates(1), a_book(), committee_says(lambda _: SHRINK))
        order, shadow = answer.decision.outcome, answer.decision.shadow
        assert isinstance(order, SizedOrder)
        assert shadow is not None
        assert (order.quantity, shadow.quantity) == (81, 162)
        assert order.client_order_id == shadow.client_order_id

    def test_the_money_at_stake_is_told_before_the_first_entry_in_the_order_of_decision(self) -> None:
        told: list[dict[str, Decimal]] = []
        listening = replace(holes(), expect=lambda stakes: told.append(dict(stakes)))
        answers = list(decide(candidates(3), a_book(), listening, a_question(), CONFIG))
        (stakes,) = told
        assert list(stakes) == ["T0", "T1", "T2"]
        first = answers[0].decision.outcome
        assert isinstance(first, SizedOrder)
        assert first.limit_price is not None
        assert stakes["T0"] == first.quantity * first.limit_price

    def test_an_approval_gives_what_nobody_asked_gives(self) -> None:
        (answer,) = decided(candidates(1), a_book(), committee_says(lambda _: APPROVE))
        (unasked,) = decided(candidates(1), a_book())
        assert (answer.decision.outcome, answer.decision.shadow) == (unasked.decision.outcome, None)

    def test_a_model_without_its_examination_is_heard_and_changes_nothing(self) -> None:
        advisory = Standing(model="m", digest="d", binding=False)
        opinions = holes(committee_says(lambda _: VETO), advisory)
        (answer,) = decide(candidates(1), a_book(), opinions, a_question(), CONFIG)
        (unasked,) = decided(candidates(1), a_book())
        assert answer.decision.outcome == unasked.decision.outcome
        assert [item.stance.value for item in answer.decision.critiques if item.role is Role.COMMITTEE] == ["veto"]

    def test_what_the_rules_veto_no_approval_brings_back(self) -> None:
        fallen = facts_of("T0", figures={**QUIET_FIGURES, "gap_atr": -3.0})
        (answer,) = decided(prepared_of([fallen], [signal_of("T0")]), a_book(), committee_says(lambda _: APPROVE))
        assert answer.decision.verdict == Veto(by="rules", reasons=("sharp_fall",))
        assert answer.decision.outcome is None

    @pytest.mark.parametrize(("unreviewed", "quantity"), [("skip", None), ("reduce", 81)])
    def test_an_entry_that_the_rules_cannot_judge_is_skipped_or_reduced_as_configured(
        self, unreviewed: str, quantity: int | None
    ) -> None:
        figures = {name: value for name, value in QUIET_FIGURES.items() if name != "rsi_14"}
        config = replace(CONFIG, agents=CONFIG.agents.model_copy(update={"unreviewed": unreviewed}))
        prepared = prepared_of([facts_of("T0", figures=figures)], [signal_of("T0")])
        for ask in (None, committee_says(lambda _: APPROVE)):
            (answer,) = decided(prepared, a_book(), ask, config)
            order = answer.decision.outcome
            assert isinstance(answer.decision.verdict, Abstain)
            assert answer.decision.shadow is not None
            assert (order.quantity if isinstance(order, SizedOrder) else None) == quantity

    def test_a_veto_leaves_every_other_entry_as_it_was_where_there_is_room_for_all(self) -> None:
        plain = entries(decided(candidates(5), a_book()))
        told = entries(decided(candidates(5), a_book(), committee_says(lambda p: VETO if about(p, "T1") else APPROVE)))
        assert list(told) == ["T0", "T2", "T3", "T4"]
        for ticker, order in told.items():
            assert replace(order, checks=plain[ticker].checks) == plain[ticker]

    def test_room_that_a_veto_leaves_goes_to_later_candidates_and_never_beyond_what_risk_gives_them(self) -> None:
        plain = entries(decided(candidates(7), a_book()))
        told = entries(decided(candidates(7), a_book(), committee_says(lambda p: VETO if about(p, "T0") else APPROVE)))
        alone = entries(decided(replace(candidates(7), signals=candidates(7).signals[1:]), a_book()))
        assert list(plain) == ["T0", "T1", "T2", "T3", "T4", "T5"], "six entries a run"
        assert list(told) == ["T1", "T2", "T3", "T4", "T5", "T6"]
        assert told == alone, "as if the vetoed one had never been a candidate"

    def test_a_silent_model_changes_nothing_but_the_critiques(self) -> None:
        plain, told = decided(candidates(4), a_book()), decided(candidates(4), a_book(), answering(silent))
        assert [replace(item.decision, critiques=()) for item in told] == [
            replace(item.decision, critiques=()) for item in plain
        ]
        assert [item.case for item in told] == [item.case for item in plain]
        assert {item.state for answer in told for item in answer.decision.critiques if item.role is not Role.RULES} == {
            ReplyState.UNREACHABLE
        }
