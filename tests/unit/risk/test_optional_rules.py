"""The rules that are off as shipped: blackouts, clusters, data quality, cool-off, turnover, gaps."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from tenthman_command import CONFIG
from tenthman_markets import session_hours, small_market, weekdays
from tenthman_risk import a_book, a_candidate, a_position, a_proposal, assessed, house_rules

from tenthman.config import BlackoutRules, ClusterRules, DataQualityRules, EarningsDate, load_config
from tenthman.domain.errors import ConfigError
from tenthman.domain.order import Denial, SizedOrder
from tenthman.risk.arithmetic import NOT_KNOWN
from tenthman.risk.blackout import barred_on
from tenthman.risk.clusters import apart_from, last_moves, moves_of
from tenthman.risk.quality import faults_of, last_faults

DAYS = weekdays(12)
HOURS = tuple(session_hours(day) for day in DAYS)


def denied_by(found: SizedOrder | Denial) -> str | None:
    return found.rule if isinstance(found, Denial) else None


def rules_of(found: SizedOrder | Denial) -> set[str]:
    return {check.rule for check in found.checks}


def test_a_rule_that_is_off_leaves_no_check_and_one_that_is_on_does() -> None:
    names = {"data_quality", "blackout", "cool_off_sessions", "max_cluster_fraction", "max_turnover_fraction"}
    assert not rules_of(assessed()) & names
    on = house_rules(
        data_quality={"sessions": 5, "max_faults": 1}, blackout={}, cool_off_sessions=1, max_turnover_fraction=1.0,
        cluster={"correlation": 0.5, "sessions": 20, "max_fraction": 0.5},
    )  # fmt: skip
    assert names <= rules_of(assessed(rules=on))


@pytest.mark.parametrize(("day", "is_barred"), [(4, False), (5, True), (6, True), (7, True), (8, False)])
def test_a_company_is_barred_from_some_sessions_before_its_earnings_to_that_date(day: int, is_barred: bool) -> None:
    rules = BlackoutRules(earnings=(EarningsDate(ticker="ABC", date=DAYS[7]),), sessions_before=2)
    barred = barred_on(DAYS[day], HOURS, rules)
    assert ("ABC" in barred) is is_barred
    assert "XYZ" not in barred


def test_earnings_on_a_day_without_a_session_count_sessions_all_the_same() -> None:
    saturday = next(day for day in (date(2020, 1, 11), date(2020, 1, 18)) if DAYS[0] < day < DAYS[-1])
    before = [day for day in DAYS if day < saturday]
    rules = BlackoutRules(earnings=(EarningsDate(ticker="ABC", date=saturday),), sessions_before=0)
    assert "ABC" in barred_on(before[-1], HOURS, rules)
    assert "ABC" not in barred_on(before[-2], HOURS, rules)


def test_on_a_listed_date_nobody_is_entered_and_without_the_rule_everybody_may() -> None:
    assert "ANY" in barred_on(DAYS[3], HOURS, BlackoutRules(dates=(DAYS[3],)))
    assert "ANY" not in barred_on(DAYS[4], HOURS, BlackoutRules(dates=(DAYS[3],)))
    assert "ANY" not in barred_on(DAYS[3], HOURS, None)


def test_where_the_calendar_ends_first_too_few_sessions_are_counted() -> None:
    rules = BlackoutRules(earnings=(EarningsDate(ticker="ABC", date=date(2031, 1, 6)),), sessions_before=2)
    assert "ABC" in barred_on(DAYS[-1], HOURS, rules)
    assert "ABC" not in barred_on(DAYS[-4], HOURS, rules)


def test_a_blackout_denies() -> None:
    candidate = replace(a_candidate(), barred=True)
    assert denied_by(assessed(candidate=candidate, rules=house_rules(blackout={}))) == "blackout"
    assert isinstance(assessed(candidate=candidate), SizedOrder), "where nobody asked for the rule"


@pytest.mark.parametrize(("since", "is_denied"), [(0, True), (2, True), (3, False), (None, False)])
def test_a_name_is_left_alone_for_some_sessions_after_its_stop(since: int | None, is_denied: bool) -> None:
    book = a_book(since_stop={} if since is None else {"ABC": since})
    found = assessed(book=book, rules=house_rules(cool_off_sessions=2))
    assert (denied_by(found) == "cool_off_sessions") is is_denied


def test_what_was_sent_in_a_session_leaves_less_turnover() -> None:
    rules = house_rules(max_turnover_fraction=0.1)
    order = assessed(book=a_book(bought="9000"), rules=rules)
    assert isinstance(order, SizedOrder)
    assert order.quantity == 10, "1,000 of 10,000 USD are left at 100 USD a share"
    assert denied_by(assessed(book=a_book(bought="9950"), rules=rules)) == "max_turnover_fraction"


def test_a_gap_allowance_makes_positions_smaller_and_open_risk_larger() -> None:
    rules = house_rules(gap_allowance_fraction=0.05)
    proposal = a_proposal(stop="90.00")
    order = assessed(proposal, rules=rules)
    assert isinstance(order, SizedOrder)
    assert order.quantity == 33, "500 USD over 10 USD to the stop and 5 USD beyond it"
    held = tuple(a_position(f"T{n}", quantity="100", stop="99", sector=f"S{n}") for n in range(4))
    book = a_book(cash="60000", positions=held)
    with_gap, without = assessed(proposal, book=book, rules=rules), assessed(proposal, book=book)
    assert isinstance(with_gap, SizedOrder)
    assert isinstance(without, SizedOrder)
    assert with_gap.quantity == 33
    assert without.quantity == 50
    deeper = a_book(cash="60000", positions=tuple(replace(item, quantity=item.quantity + 15) for item in held))
    assert assessed(proposal, book=deeper, rules=rules).checks != ()
    shrunk = assessed(proposal, book=deeper, rules=rules)
    assert isinstance(shrunk, SizedOrder)
    assert shrunk.quantity == 16, "3,000 USD less 4 x 115 x 6 USD over 15 USD a share"


def test_names_that_move_with_it_leave_less_room_and_those_apart_do_not_count() -> None:
    rules = house_rules(cluster={"correlation": 0.5, "sessions": 20, "max_fraction": 0.07})
    book = a_book(cash="90000", positions=(a_position("OLD", quantity="50", sector="S"), a_position("NEW", sector="T")))
    alone = replace(a_candidate(), apart=frozenset({"OLD", "NEW"}))
    with_one, with_both = replace(alone, apart=frozenset({"NEW"})), replace(alone, apart=frozenset())
    sizes = [assessed(candidate=item, book=book, rules=rules) for item in (alone, with_one)]
    assert [order.quantity for order in sizes if isinstance(order, SizedOrder)] == [65, 20]
    assert denied_by(assessed(candidate=with_both, book=book, rules=rules)) == "max_cluster_fraction"


def test_the_moves_of_a_panel_are_millionths_and_unknown_where_a_bar_is_missing() -> None:
    close = np.array([[100.0, 10.0], [101.0, np.nan], [99.99, 11.0], [400.0, 12.1]])
    assert moves_of(close).T.tolist() == [
        [NOT_KNOWN, 10_000, -10_000, 2_000_000],
        [NOT_KNOWN, NOT_KNOWN, NOT_KNOWN, 100_000],
    ]


def test_only_names_whose_moves_are_known_over_the_whole_window_are_apart() -> None:
    draw = np.random.default_rng(3)
    paths = 50.0 * np.exp(np.cumsum(draw.normal(0.0, 0.02, (40, 3)), axis=0))
    paths[:, 1] = paths[:, 0] * 1.5
    paths[30, 2] = np.nan
    market = small_market({f"T{n}": [(price,) * 4 for price in paths[:, n].tolist()] for n in range(3)})
    rules = ClusterRules(correlation=0.7, sessions=20, max_fraction=0.2)
    moves = last_moves(market.panel, rules)
    assert apart_from("T0", ("T1", "T2", "NONE"), moves, 700_000) == frozenset()
    assert apart_from("NONE", ("T1",), moves, 700_000) == frozenset()
    whole = last_moves(market.panel.rows(0, 28), rules)
    assert apart_from("T0", ("T1", "T2"), whole, 700_000) == {"T2"}
    assert last_moves(market.panel.rows(0, 15), rules) is not None
    assert apart_from("T0", ("T2",), last_moves(market.panel.rows(0, 15), rules), 700_000) == frozenset()
    assert last_moves(market.panel, None) is None


def test_missing_and_flagged_bars_are_counted_and_what_was_before_the_panel_is_missing() -> None:
    bars = [(10.0,) * 4] * 6
    holes = [*bars[:2], (np.nan,) * 4, *bars[3:]]
    panel = small_market({"ABC": bars, "XYZ": holes}).panel
    flagged = np.zeros(panel.close.shape, dtype=np.bool_)
    flagged[4, panel.column("ABC")] = True
    rules = DataQualityRules(sessions=3, max_faults=0)
    columns = [panel.column("ABC"), panel.column("XYZ")]
    assert faults_of(panel, rules)[:, columns].T.tolist() == [[2, 1, 0, 0, 0, 0], [2, 1, 1, 1, 1, 0]]
    assert faults_of(panel, rules, flagged)[:, columns[0]].tolist() == [2, 1, 0, 0, 1, 1]
    for rows in (1, 2, 4, 6):
        last = last_faults(panel.rows(0, rows), rules, flagged[:rows])
        assert last.tolist() == faults_of(panel, rules, flagged)[rows - 1].tolist()
    assert not faults_of(panel, None, flagged).any()


def test_faults_beyond_the_limit_deny() -> None:
    rules = house_rules(data_quality={"sessions": 20, "max_faults": 1})
    assert isinstance(assessed(candidate=replace(a_candidate(), faults=1), rules=rules), SizedOrder)
    assert denied_by(assessed(candidate=replace(a_candidate(), faults=2), rules=rules)) == "data_quality"


def written(folder: Path, blackout: str, earnings: str | None) -> Path:
    """The shipped configuration with a blackout, and an earnings file beside it."""
    for file in CONFIG.glob("*.yaml"):
        (folder / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    rules = folder / "risk_rules.yaml"
    lines = [line for line in rules.read_text(encoding="utf-8").splitlines() if not line.startswith("blackout:")]
    rules.write_text("\n".join([*lines, f"blackout: {blackout}", ""]), encoding="utf-8")
    if earnings is not None:
        (folder / "earnings.csv").write_text(earnings, encoding="utf-8")
    return folder


def test_earnings_are_read_from_the_file_beside_the_rules_and_count_in_the_hash(tmp_path: Path) -> None:
    folder = written(tmp_path, "{earnings: earnings.csv}", "ticker,date\nAAPL,2020-01-28\n")
    first = load_config(folder, {"TENTHMAN_HOME": str(tmp_path)})
    assert first.risk_rules.blackout is not None
    assert first.risk_rules.blackout.earnings == (EarningsDate(ticker="AAPL", date=date(2020, 1, 28)),)
    (folder / "earnings.csv").write_text("ticker,date\nAAPL,2020-01-29\n", encoding="utf-8")
    assert load_config(folder, {"TENTHMAN_HOME": str(tmp_path)}).hash != first.hash


@pytest.mark.parametrize(
    ("earnings", "words"),
    [
        (None, "cannot be read"),
        ("symbol,day\nAAPL,2020-01-28\n", "the first line must be ticker,date"),
        ("ticker,date\nAAPL,28.01.2020\n", "line 2 must hold a ticker and a date like 2020-01-31"),
        ("ticker,date\nAAPL,2020-01-28\n,2020-01-28\n", "line 3 must hold"),
        ("ticker,date\nAAPL,2020-02-30\n", "date"),
    ],
)
def test_an_earnings_file_that_is_wrong_is_refused_at_start(tmp_path: Path, earnings: str | None, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_config(written(tmp_path, "{earnings: earnings.csv}", earnings), {"TENTHMAN_HOME": str(tmp_path)})


def test_a_limit_of_its_own_must_be_of_a_reference_that_is_looked_at() -> None:
    with pytest.raises(ValueError, match="week_start"):
        house_rules(drawdown={"own_limits": {"week_start": 0.02}})
