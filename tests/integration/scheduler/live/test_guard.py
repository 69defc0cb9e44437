"""A live desk enters nothing on data that cannot be trusted; exits go on."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from tenthman_decision import a_listing, facts_of, prepared_of, signal_of
from tenthman_risk import a_book
from tenthman_written_source import AT, DAYS, SETTINGS, Written, rising

from tenthman.data.bars import BarStore
from tenthman.data.calendar import sessions_between
from tenthman.data.flags import FlagStore
from tenthman.data.market import MarketHistory, MarketView
from tenthman.data.sources import CorporateAction, Daily
from tenthman.data.spellings import SpellingStore
from tenthman.db.pool import Pool
from tenthman.decision import Prepared
from tenthman.domain.audit import EventKind
from tenthman.domain.broker import BrokerClock
from tenthman.domain.errors import BrokerUnavailable, DataCorrupt
from tenthman.domain.market import FIELDS, MarketKind, Panel, Provenance, Rename, SessionHours, Universe
from tenthman.domain.opinion import Action
from tenthman.domain.order import Book
from tenthman.domain.spelling import AS_RELEASED
from tenthman.scheduler.clock import VirtualClock
from tenthman.scheduler.gathering.renames import RenameWatch
from tenthman.scheduler.gathering.spelled import Names
from tenthman.scheduler.live.guard import GuardedSight
from tenthman.scheduler.live.keeper import BarKeeper

HOURS = sessions_between(date(2020, 1, 6), date(2020, 3, 31))
UNIVERSE = Universe(listings=(a_listing("AAA"), a_listing("BBB")), index_ticker="SPY")
NO_MODEL = None
"""What the guard hands on unread."""
MORNING = datetime(2020, 2, 3, 14, 0, tzinfo=UTC)
OPEN = BrokerClock(
    now=MORNING,
    is_open=False,
    next_open=datetime(2020, 2, 3, 14, 30, tzinfo=UTC),
    next_close=datetime(2020, 2, 3, 21, 0, tzinfo=UTC),
)


class Inner:
    """Wishes to buy AAA and BBB and to sell CCC, at these prices."""

    def __init__(self, prices: dict[str, float]) -> None:
        self.prices = prices

    def prepare(self, at: datetime, model: object, book: Book) -> Prepared:
        facts = [facts_of(name) for name in ("AAA", "BBB", "CCC")]
        priced = [replace(item, last_price=self.prices.get(item.listing.ticker, item.last_close)) for item in facts]
        actions = (Action.BUY, Action.BUY, Action.SELL)
        return prepared_of(
            priced, [signal_of(item.listing.ticker, act) for item, act in zip(facts, actions, strict=True)]
        )

    def after_close(self, at: datetime) -> MarketView:
        days = np.zeros(0, dtype="datetime64[D]")
        empty = Panel(sessions=days, tickers=(), **{name: np.zeros((0, 0)) for name in FIELDS})
        return MarketHistory(empty, np.zeros(0, dtype="datetime64[us]"), [], UNIVERSE, HOURS).serve(at)


class Told:
    """Remembers alerts."""

    run_id = "run"

    def __init__(self) -> None:
        self.alerts: list[tuple[str, object]] = []

    def event(self, kind: EventKind, subject: str, payload: object, at: datetime) -> None:
        assert kind is EventKind.ALERT
        self.alerts.append((subject, payload))


class Unreadable(Written):
    """Answers with what is no bar."""

    def daily(self, tickers: Sequence[str], first: date, last: date, seen_at: datetime) -> Daily:
        raise DataCorrupt("`t` must be a time")


class Renaming:
    """Tells that AAA is NEW, until it is called off, and of another company's new name."""

    name = "Renaming"
    is_off = False

    def renames(self, first: date, last: date) -> tuple[Rename, ...]:
        others = Rename(old="XXX", new="YYY", on=MORNING.date())
        return (others,) if self.is_off else (others, Rename(old="AAA", new="NEW", on=MORNING.date()))


class Guarded:
    """A guarded sight with all its parts at hand."""

    def __init__(self, pool: Pool, source: Written, second: Written | None = None) -> None:
        told = {"name": "n", "description": "d", "price_basis": "p", "licence": "l", "content_hash": "m"}
        provenance = Provenance(kind=MarketKind.LIVE, source=source.name, **told)
        BarStore(pool, "m").save_market(provenance, UNIVERSE)
        self.source = source
        self.keeper = BarKeeper(pool, "m", source, second, UNIVERSE, HOURS, SETTINGS)
        self.keeper.fill(AT)
        self.told, self.inner = Told(), Inner({})
        self.broker: BrokerClock | None = OPEN
        self.closed: set[date] = set()
        self.asked = 0
        self.rebased: list[Panel] = []
        clock = VirtualClock(MORNING, lambda _: None)
        self.spellings = SpellingStore(pool, "m")
        self.renaming = Renaming()
        self.renames = RenameWatch(self.spellings, self.renaming, UNIVERSE, Names(AS_RELEASED, clock.now))
        self.sight = GuardedSight(self.inner, self.keeper, self._take, self, clock, HOURS, self.told, self.renames)

    def _take(self, panel: Panel, _: object) -> None:
        self.rebased.append(panel)

    def clock(self) -> BrokerClock:
        """The broker's."""
        if self.broker is None:
            raise BrokerUnavailable("no clock")
        return self.broker

    def calendar(self, first: date, last: date) -> Sequence[SessionHours]:
        """The broker's."""
        self.asked += 1
        return [item for item in HOURS if first <= item.session <= last and item.session not in self.closed]

    def actions(self, at: datetime = MORNING) -> dict[str, str]:
        prepared = self.sight.prepare(at, NO_MODEL, a_book())
        return {signal.ticker: signal.action.value for signal in prepared.signals}


def _sound() -> dict[str, list[float | None]]:
    return {"AAA": rising(100.0), "BBB": rising(50.0), "SPY": rising(300.0)}


def test_sound_data_leaves_every_wish_as_it_is(pool: Pool) -> None:
    desk = Guarded(pool, Written(_sound()), Written(_sound(), "Other"))
    desk.sight.after_close(AT)
    assert desk.actions() == {"AAA": "buy", "BBB": "buy", "CCC": "sell"}
    assert desk.told.alerts == []


def test_a_name_with_a_flagged_bar_is_not_entered_until_the_flag_is_old(pool: Pool) -> None:
    closes = _sound()
    closes["AAA"][-2] = None
    desk = Guarded(pool, Written(closes))
    desk.sight.after_close(AT)
    gap = DAYS[-2]
    assert desk.told.alerts == [("bars flagged", {"number": 1, "flags": [f"AAA {gap} gap: the session has no bar"]})]
    prepared = desk.sight.prepare(MORNING, NO_MODEL, a_book())
    assert {signal.ticker: signal.action.value for signal in prepared.signals} == {
        "AAA": "hold",
        "BBB": "buy",
        "CCC": "sell",
    }
    assert prepared.skipped == {"AAA": f"flagged: gap on {gap}"}
    assert desk.told.alerts[-1] == ("sits out", {"AAA": f"flagged: gap on {gap}"})
    assert desk.keeper.standing(MORNING + timedelta(days=3)) != {}
    assert desk.keeper.standing(MORNING + timedelta(days=8)) == {}


def test_a_bar_that_two_sources_tell_differently_is_flagged_and_a_silent_second_one_is_told_of(pool: Pool) -> None:
    other = Written(_sound(), "Other")
    other.closes["BBB"][-1] = 40.0
    desk = Guarded(pool, Written(_sound()), other)
    desk.sight.after_close(AT)
    assert desk.actions() == {"AAA": "buy", "BBB": "hold", "CCC": "sell"}
    assert [subject for subject, _ in desk.told.alerts] == ["bars flagged", "sits out"]
    flags = FlagStore(pool, "m")
    assert (flags.doubted(DAYS[-1]), flags.doubted(DAYS[-2])) == ({("BBB", DAYS[-1])}, frozenset())
    other.silent_after = 0
    desk.sight.after_close(AT)
    assert desk.told.alerts[-1] == ("second source silent", {"cause": "no answer"})


def test_rewritten_history_is_taken_over_before_the_days_first_decision_and_told_once(pool: Pool) -> None:
    desk = Guarded(pool, Written(_sound()))
    desk.source.closes["AAA"] = [None if close is None else close / 4 for close in rising(100.0)]
    desk.actions()
    assert desk.told.alerts == [("history rewritten", {"tickers": ["AAA"]})]
    (panel,) = desk.rebased
    assert panel.close[:, panel.column("AAA")].tolist() == [close / 4 for close in rising(100.0) if close is not None]
    asked = len(desk.source.asked)
    desk.actions(MORNING + timedelta(hours=5))
    assert len(desk.source.asked) == asked


def test_a_bar_that_came_late_is_known_at_the_next_days_first_decision(pool: Pool) -> None:
    closes = _sound()
    late, closes["AAA"][-1] = closes["AAA"][-1], None
    desk = Guarded(pool, Written(closes))
    desk.source.closes["AAA"][-1] = late
    desk.actions()
    (panel,) = desk.rebased
    assert panel.close[-1, panel.column("AAA")] == late
    assert desk.told.alerts == [], "nothing was rewritten"


def test_a_source_that_is_silent_when_history_is_renewed_is_asked_again_at_the_next_decision(pool: Pool) -> None:
    desk = Guarded(pool, Written(_sound()))
    desk.source.silent_after = 0
    assert desk.actions() == {"AAA": "buy", "BBB": "buy", "CCC": "sell"}
    assert desk.told.alerts == [("history not renewed", {"cause": "no answer"})]
    desk.source.silent_after = 10**9
    desk.actions(MORNING + timedelta(hours=5))
    assert len(desk.told.alerts) == 1


@pytest.mark.parametrize("is_stored", [False, True], ids=["learned here", "learned by another command"])
def test_a_rename_is_told_once_though_the_source_is_silent_at_first(pool: Pool, *, is_stored: bool) -> None:
    desk = Guarded(pool, Written(_sound()))
    if is_stored:
        desk.spellings.learn(UNIVERSE, Renaming().renames(DAYS[0], DAYS[-1]), "s", AT)
    desk.renames.look(MORNING)
    desk.source.silent_after = 0
    assert desk.actions() == {"AAA": "hold", "BBB": "buy", "CCC": "sell"}
    desk.source.silent_after = 10**9
    desk.actions(MORNING + timedelta(hours=1))
    desk.actions(MORNING + timedelta(hours=2))
    assert [subject for subject, _ in desk.told.alerts if subject != "sits out"] == ["history not renewed", "renamed"]


def test_a_rename_that_was_told_ahead_and_is_called_off_is_told_and_keeps_nobody_out(pool: Pool) -> None:
    desk = Guarded(pool, Written(_sound()))
    desk.renames.look(MORNING - timedelta(days=1))
    desk.renaming.is_off = True
    desk.renames.look(MORNING)
    assert desk.actions() == {"AAA": "buy", "BBB": "buy", "CCC": "sell"}
    ((subject, payload),) = desk.told.alerts
    assert subject == "renamed"
    assert payload["tickers"][1] == (f"AAA was to be NEW from {MORNING.date()} on, which is told no more: it stays AAA")
    assert desk.spellings.load(UNIVERSE) == AS_RELEASED


def test_a_calendar_that_the_broker_does_not_share_stops_entries_and_no_exits(pool: Pool) -> None:
    desk = Guarded(pool, Written(_sound()))
    desk.broker = replace(OPEN, next_close=datetime(2020, 2, 3, 18, 0, tzinfo=UTC))
    assert desk.actions() == {"AAA": "hold", "BBB": "hold", "CCC": "sell"}
    cause = "the calendar's next close is 2020-02-03 21:00 UTC, the broker's 2020-02-03 18:00 UTC"
    assert desk.told.alerts == [("calendar disagrees", {"cause": cause, "entries_refused": 2})]


def test_a_broker_that_does_not_tell_the_time_stops_entries_and_no_exits(pool: Pool) -> None:
    desk = Guarded(pool, Written(_sound()))
    desk.broker = None
    assert desk.actions() == {"AAA": "hold", "BBB": "hold", "CCC": "sell"}
    cause = "the broker's clock and calendar were not told: no clock"
    assert desk.told.alerts == [("calendar disagrees", {"cause": cause, "entries_refused": 2})]


def test_a_second_source_that_cannot_be_read_is_told_of_and_costs_the_comparison_alone(pool: Pool) -> None:
    closes = _sound()
    closes["AAA"][-2] = None
    desk = Guarded(pool, Written(closes), Unreadable(_sound()))
    desk.sight.after_close(AT)
    assert [subject for subject, _ in desk.told.alerts] == ["bars flagged", "second source silent"]
    assert desk.told.alerts[1][1] == {"cause": "`t` must be a time"}
    assert desk.actions() == {"AAA": "hold", "BBB": "buy", "CCC": "sell"}


def test_a_stored_bar_of_a_day_without_a_session_is_passed_over(pool: Pool) -> None:
    desk = Guarded(pool, Written(_sound()))
    before, closes = desk.keeper.stored()
    stray = desk.source.daily(["AAA"], DAYS[0], DAYS[0], AT).bars[0]
    BarStore(pool, "m").append([replace(stray, session=date(2020, 1, 20))])
    after, again = desk.keeper.stored()
    assert np.array_equal(after.sessions, before.sessions)
    assert np.array_equal(after.close, before.close, equal_nan=True)
    assert np.array_equal(again, closes)


class Garbled(Written):
    """Has bars, and corporate actions that nobody can read."""

    def actions(self, tickers: Sequence[str], first: date, last: date) -> tuple[CorporateAction, ...]:
        raise DataCorrupt("`ex_date` must be a day")


def test_corporate_actions_that_cannot_be_read_keep_no_bar_from_being_examined(pool: Pool) -> None:
    closes = _sound()
    closes["AAA"][-2] = None
    desk = Guarded(pool, Garbled(closes))
    desk.sight.after_close(AT)
    assert [subject for subject, _ in desk.told.alerts] == ["bars flagged"]


@pytest.mark.parametrize("price", [10.0, 80.0])
def test_a_price_that_stands_to_the_close_as_in_a_split_is_not_bought_at(pool: Pool, price: float) -> None:
    desk = Guarded(pool, Written(_sound()))
    desk.inner.prices["AAA"] = price
    assert desk.actions() == {"AAA": "hold", "BBB": "buy", "CCC": "sell"}
    ((subject, told),) = desk.told.alerts
    assert subject == "sits out"
    assert "as if split" in str(told)


def test_a_closing_that_only_the_broker_knows_stops_entries_before_it_comes_and_agreement_is_asked_once_a_day(
    pool: Pool,
) -> None:
    desk = Guarded(pool, Written(_sound()))
    desk.closed = {date(2020, 2, 6)}
    assert desk.actions() == {"AAA": "hold", "BBB": "hold", "CCC": "sell"}
    cause = "on 2020-02-06 the calendar has 14:30 to 21:00 UTC, the broker no session"
    assert desk.told.alerts == [("calendar disagrees", {"cause": cause, "entries_refused": 2})]
    desk.closed = set()
    assert desk.actions() == desk.actions() == {"AAA": "buy", "BBB": "buy", "CCC": "sell"}
    assert desk.asked == 2
