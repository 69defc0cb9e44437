"""A binding committee that costs money loses its veto by its own record."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from tenthman_reports import AS_OF, CLOSE, SESSION, entry, vetoed

from tenthman.backtest.memory import MemoryRecord
from tenthman.config import DemotionSettings
from tenthman.domain.audit import Decision
from tenthman.domain.opinion import Critique, Role, Stance, Veto
from tenthman.scheduler.committee.demotion import judge_committees
from tenthman.scheduler.record import CommitteeKey, Ending

SETTINGS = DemotionSettings(min_vetoes=20, level=0.9)
KEY = CommitteeKey(model="tiny", model_digest="digest", template_hash="t")


def spoken(number: int, binding: bool = True) -> Decision:
    """An entry that the committee agent vetoed, one a session."""
    decision, _ = vetoed("AAPL")
    critique: Critique = replace(
        decision.critiques[0],
        role=Role.COMMITTEE,
        binding=binding,
        stance=Stance.VETO,
        size_fraction=0.0,
        model_digest=KEY.model_digest,
        template_hash=KEY.template_hash,
    )
    return replace(
        decision,
        id=f"d{number:03}",
        session=SESSION + timedelta(days=number),
        critiques=(critique,),
        verdict=Veto(by="committee", reasons=("bad_news",)),
        shadow=entry(f"d{number:03}", "AAPL"),
    )


def ending(exit_price: str, session: date = SESSION) -> Ending:
    return Ending(entry=Decimal(70), exit=Decimal(exit_price), session=session, reason="target", fees=Decimal(0))


def record_of(prices: list[str], binding: bool = True) -> MemoryRecord:
    record = MemoryRecord(starting_cash=Decimal(100_000), begun=AS_OF)
    for number, price in enumerate(prices):
        record.record_decision(spoken(number, binding), None)
        record.end_shadow(f"d{number:03}", ending(price), ending(price).gained(Decimal(100)), CLOSE)
    return record


def test_vetoes_of_gains_cost_a_committee_its_veto_and_an_alert_says_so() -> None:
    record = record_of(["77", "76.3"] * 15)
    assert record.committee_evidence()[0].worth_bp == pytest.approx(-1000.0)
    assert judge_committees(record, SETTINGS, 5, CLOSE) == 1
    assert record.demoted_committees() == {KEY}
    subject, payload, at = record.alerts[-1]
    assert (subject, at) == ("committee demoted", CLOSE)
    assert isinstance(payload, dict)
    assert payload["vetoes"] == 30
    assert payload["high_bp"] < 0.0
    assert judge_committees(record, SETTINGS, 5, CLOSE) == 0, "once is enough"


@pytest.mark.parametrize(
    ("prices", "binding"),
    [
        (["77"] * 19, True),
        (["63", "64"] * 15, True),
        (["77", "62"] * 15, True),
        (["77", "76.3"] * 15, False),
    ],
    ids=["too few", "it kept losses away", "it may be luck", "it never bound"],
)
def test_who_does_not_clearly_cost_money_keeps_the_veto(prices: list[str], binding: bool) -> None:
    record = record_of(prices, binding)
    assert judge_committees(record, SETTINGS, 5, CLOSE) == 0
    assert record.demoted_committees() == frozenset()
    assert record.alerts == []


def test_an_entry_that_never_filled_is_no_evidence() -> None:
    record = MemoryRecord(starting_cash=Decimal(100_000), begun=AS_OF)
    record.record_decision(spoken(0), None)
    never = Ending(entry=None, exit=None, session=SESSION, reason="never_filled", fees=Decimal(0))
    record.end_shadow("d000", never, Decimal(0), CLOSE)
    assert record.committee_evidence() == ()
