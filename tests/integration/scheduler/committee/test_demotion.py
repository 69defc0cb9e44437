"""A demotion in the record: it survives the run's end in an account, not in a rehearsal, and a person can undo it."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from tenthman_reports import AS_OF, CLOSE, WALL, begin, case_of, entry, seed, vetoed
from tenthman_trades import KEY as RUN_KEY
from tenthman_trades import begin as begin_run

from tenthman.config import DemotionSettings
from tenthman.db.audit import verify
from tenthman.db.pool import Pool
from tenthman.domain.audit import Decision
from tenthman.domain.opinion import Role, Stance, Veto
from tenthman.scheduler.committee.demotion import judge_committees
from tenthman.scheduler.record import CommitteeKey, Ending
from tenthman.scheduler.state.ledger import Ledger

SETTINGS = DemotionSettings(min_vetoes=10, level=0.9)
KEY = CommitteeKey(model="tiny", model_digest="digest", template_hash="t")
LATER = CLOSE + timedelta(days=60)


def paper(pool: Pool, account: str = "A1") -> Ledger:
    key = replace(RUN_KEY, data_hash=account)
    return begin_run(pool, at_wall=WALL, world="paper", account=account, key=key, at_market=AS_OF - timedelta(hours=9))


def write_vetoes(ledger: Ledger, made: list[Decision]) -> None:
    """Vetoed entries that would each have gained ten per cent."""
    for decision in made:
        ledger.record_decision(decision, case_of("AAPL"))
        ending = Ending(
            entry=Decimal(70), exit=Decimal(77), session=decision.session, reason="target", fees=Decimal("0.10")
        )
        ledger.end_shadow(decision.id, ending, ending.gained(Decimal(100)), CLOSE)


@pytest.fixture
def vetoes() -> list[Decision]:
    """Twelve entries, one a session, each vetoed by a committee that binds."""
    decision, _ = vetoed("AAPL")
    said = replace(
        decision.critiques[0],
        role=Role.COMMITTEE,
        binding=True,
        stance=Stance.VETO,
        size_fraction=0.0,
        model_digest="digest",
        template_hash="t",
    )
    return [
        replace(
            decision,
            id=f"d{number:03}",
            session=decision.session + timedelta(days=number),
            as_of=AS_OF + timedelta(days=number),
            critiques=(said,),
            verdict=Veto(by="committee", reasons=("bad_news",)),
            shadow=entry(f"d{number:03}", "AAPL"),
        )
        for number in range(12)
    ]


@pytest.fixture
def market(pool: Pool) -> Pool:
    seed(pool)
    return pool


def test_an_account_remembers_a_demotion_until_a_person_reinstates(market: Pool, vetoes: list[Decision]) -> None:
    with paper(market) as ledger:
        write_vetoes(ledger, vetoes)
        assert ledger.committee_evidence()[0].worth_bp == pytest.approx(-10_000 * 699.9 / 7000)
        assert judge_committees(ledger, SETTINGS, 3, CLOSE) == 1
        assert ledger.demoted_committees() == {KEY}
        ledger.finish(WALL, {})
    with paper(market) as again, paper(market, "another") as stranger:
        assert again.demoted_committees() == {KEY}
        assert stranger.demoted_committees() == frozenset()
        assert len(again.committee_evidence()) == 12
        again.reinstate_committee(KEY, "the prompts were read again", "person: me", LATER)
        assert again.demoted_committees() == frozenset()
        assert again.committee_evidence() == (), "its record begins anew"
        assert judge_committees(again, SETTINGS, 3, LATER) == 0
        with pytest.raises(ValueError, match="must be demoted"):
            again.reinstate_committee(KEY, "twice", "person: me", LATER)
    with market.connection() as connection:
        alerts = connection.execute(
            "SELECT subject FROM audit_events WHERE kind = 'alert' ORDER BY sequence"
        ).fetchall()
    assert alerts == [("committee demoted",), ("committee reinstated",)]
    assert verify(market) > 0


def test_a_rehearsal_begins_with_a_clean_record(market: Pool, vetoes: list[Decision]) -> None:
    with begin(market) as first:
        write_vetoes(first, vetoes)
        assert judge_committees(first, SETTINGS, 3, CLOSE) == 1
        first.finish(WALL, {})
    with begin(market) as second:
        assert second.demoted_committees() == frozenset()
        assert second.committee_evidence() == ()
