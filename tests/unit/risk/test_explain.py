"""The sums that `tenthman risk explain` prints are those of docs/risk.md, and those that size orders."""

import json
import re
from pathlib import Path

import pytest
from tenthman_command import CONFIG
from tenthman_risk import HOUSE_RULES, a_book, a_candidate, a_position, a_proposal, assessed, house_rules

from tenthman.cli.app import app
from tenthman.config import load_config
from tenthman.domain.errors import ConfigError
from tenthman.domain.order import Book, SizedOrder
from tenthman.risk.explain import Explanation, explain
from tenthman.risk.figures import figures_of
from tenthman.risk.numbers import rule_numbers

PAGE = Path(__file__).parents[3] / "docs" / "risk.md"


def explained(book: Book, **changes: object) -> Explanation:
    numbers = rule_numbers(house_rules(**changes))
    return explain(figures_of(book, numbers))


def test_the_page_shows_the_sums_of_the_shipped_rules() -> None:
    numbers = rule_numbers(load_config(CONFIG, {"TENTHMAN_HOME": "/nonexistent"}).risk_rules)
    text = PAGE.read_text(encoding="utf-8")
    shown = {}
    for line in re.findall(r"^\| [\d.]+ % \|.*\|$", text, re.MULTILINE):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        shown[cells[0]] = cells[1:]
    found = explain(figures_of(a_book(), numbers))
    computed = {
        f"{item.distance / 10_000:g} %": [
            f"{item.by_risk / 10_000:.1f} %",
            f"{item.position / 10_000:.1f} %",
            f"{item.risk / 10_000:.2f} %",
            str(item.until_open_risk),
            str(item.until_gross),
        ]
        for item in found.sizes
    }
    assert shown == computed
    assert f"{found.max_positions} x {numbers.risk_fraction_per_trade / 10_000:g} %" in text
    assert f"is {found.conflict / 10_000:g} %" in text


def test_an_empty_book_has_all_its_room() -> None:
    found = explained(a_book())
    assert [(item.rule, item.free) for item in found.rooms] == [
        ("max_open_risk_fraction", 30_000),
        ("drawdown_budget", 30_000),
        ("max_gross_fraction", 950_000),
        ("min_cash_fraction", 980_000),
    ]
    assert (found.positions, found.max_positions, found.distance_left) == (0, 15, 30_000)


def test_a_book_in_drawdown_is_bound_by_what_is_left() -> None:
    held = (a_position(quantity="97", price="100", stop="95"),)
    found = explained(a_book(equity="97750", cash="88050", peak="100000", day_start="97750", positions=held))
    assert (found.distance_left, found.open_risk_rule) == (7_500, "drawdown_budget")
    budget = found.rooms[1]
    assert (budget.allowed, budget.used) == (7_500, 4_962), "485 USD of 97,750, rounded up"
    assert {item.fit_rule for item in found.sizes} == {"drawdown_budget"}


def test_a_full_book_has_room_for_nothing() -> None:
    held = tuple(a_position(f"T{number}", quantity="1") for number in range(15))
    assert {(item.fit, item.fit_rule) for item in explained(a_book(positions=held)).sizes} == {(0, "max_positions")}


@pytest.mark.parametrize("gap", [None, 0.01])
def test_the_size_that_is_told_is_the_size_that_is_given(gap: float | None) -> None:
    rules = house_rules(gap_allowance_fraction=gap)
    for item in explained(a_book(), gap_allowance_fraction=gap).sizes:
        stop = 100 - item.distance / 10_000
        order = assessed(a_proposal("100.00", f"{stop:.2f}", "130.00"), a_candidate(), a_book(), rules)
        assert isinstance(order, SizedOrder)
        assert order.quantity == item.position // 1_000, "whole shares of 100 USD each, of 100,000 USD"
        assert [check.rule for check in order.checks if check.bound] == [item.rule]


@pytest.mark.parametrize("equity", ["0", "NaN", "-1"])
def test_without_equity_there_is_nothing_to_explain(equity: str) -> None:
    numbers = rule_numbers(HOUSE_RULES)
    with pytest.raises(ValueError, match="equity"):
        explain(figures_of(a_book(equity=equity, peak="1", day_start="1"), numbers))


def test_the_command_tells_it_for_an_empty_book_without_a_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TENTHMAN_HOME", str(tmp_path))
    app(["risk", "explain", "--empty", "--json", "--config", str(CONFIG)], standalone_mode=False)
    told = json.loads(capsys.readouterr().out)
    config = load_config(CONFIG, {"TENTHMAN_HOME": str(tmp_path)})
    assert float(told["equity_usd"]) == config.settings.rehearsal.starting_cash_usd
    assert told["max_positions"] == config.risk_rules.max_positions
    assert [item["rule"] for item in told["room"]][:2] == ["max_open_risk_fraction", "drawdown_budget"]
    app(["risk", "explain", "--empty", "--config", str(CONFIG)], standalone_mode=False)
    assert "open risk is bound by" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="--empty"):
        app(["risk", "explain", "--empty", "--run", "x", "--config", str(CONFIG)], standalone_mode=False)
