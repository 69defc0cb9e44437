"""The documentation names only what is there: links, commands and configuration keys."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml
from tenthman_cli import UsageError, every_command, understand

from tenthman.agents.rules import RULES
from tenthman.config import FILES

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
COMMAND = re.compile(
    r"(?:^|[`\s])(?:\.venv/bin/)?tenthman "
    r"((?:rehearse|report|doctor|trade|halt|rearm|train|models|signals|backtest|sweep|parity|control|audit|exchange"
    r"|ingest|pack|prompts|news|scorecard|critiques|critique|committee|features|lookahead|sentiment|risk)\b[^`\n#]*)"
)


def keys(prefix: str, value: object) -> Iterator[str]:
    if not isinstance(value, dict):
        yield prefix
        return
    for name, inner in value.items():
        yield from keys(f"{prefix}.{name}" if prefix else name, inner)


def commands() -> Iterator[tuple[str, str]]:
    """Every command line in a code block or between backticks, with the page it stands on."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        quoted = re.findall(r"```.*?```", text, re.DOTALL) + re.findall(r"^ {4}.*$", text, re.MULTILINE)
        quoted += re.findall(r"(?<!`)`[^`\n]+`(?!`)", text)
        for part in quoted:
            for line in COMMAND.findall(part):
                yield page.name, line.strip()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    targets = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    missing = [link for link in targets if not (page.parent / unquote(link.split("#")[0])).exists()]
    assert missing == []


def test_every_page_is_linked_from_another() -> None:
    linked = {
        (page.parent / link.split("#")[0]).resolve()
        for page in PAGES
        for link in LINK.findall(page.read_text(encoding="utf-8"))
        if "://" not in link and (page.parent / link.split("#")[0]).resolve() != page
    }
    unreached = [page for page in PAGES[1:] if page not in linked and page.parent not in linked]
    assert unreached == []


def test_every_command_line_that_is_quoted_is_understood() -> None:
    found = sorted(set(commands()))
    assert len(found) > 15
    for page, line in found:
        words = [word for word in shlex.split(line.replace("...", "x")) if word != "|"]
        try:
            understand(words)
        except UsageError as error:
            pytest.fail(f"{page}: `tenthman {line}`: {error.format_message()}")


def test_getting_started_lists_every_command() -> None:
    _, _, listed = (ROOT / "docs" / "getting-started.md").read_text(encoding="utf-8").partition("## All commands")
    told = {re.sub(r" [A-Z]+$", "", quoted) for quoted in re.findall(r"`([^`]+)`", listed.partition("\n## ")[0])}
    assert set(every_command()) - told == set()


def test_a_command_line_that_is_not_there_would_be_noticed() -> None:
    with pytest.raises(UsageError):
        understand(["rehearse", "--nonsense"])
    with pytest.raises(UsageError):
        understand(["audit", "nonsense"])


def test_the_map_of_rooms_names_every_package_and_no_file_that_is_not_there() -> None:
    package = ROOT / "src" / "tenthman"
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split("## Rooms", 1)[1]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    rooms = {row[1].strip("`"): re.findall(r"`([^`]+)`", row[3]) for row in rows if len(row) == 5 and "`" in row[1]}
    there = {f"{path.parent.name}/" for path in package.glob("*/__init__.py")}
    assert {room for room in rooms if room.endswith("/")} == there
    assert [
        room + file for room, files in rooms.items() for file in files if not (package / room / file).exists()
    ] == []
    places = [place for row in rows if len(row) == 2 for place in re.findall(r"`(\w+/[\w/]+\.py)`", row[1])]
    assert len(places) > 8
    assert [place for place in places if not (package / place).is_file()] == []
    inner = {row[0].strip("`"): re.findall(r"`([^`]+)`", row[2]) for row in rows if len(row) == 3 and "`" in row[0]}
    scheduler = package / "scheduler"
    assert set(inner) == {f"{path.parent.name}/" for path in scheduler.glob("*/__init__.py")}
    assert [
        room + file for room, files in inner.items() for file in files if not (scheduler / room / file).is_file()
    ] == []


@pytest.mark.parametrize("name", FILES)
def test_every_configuration_key_is_documented_and_no_other(name: str) -> None:
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    section = text.split(f"## {name}.yaml", 1)[1].split("\n## ", 1)[0]
    documented = set(re.findall(r"^\| `([a-z0-9_.]+)` \|", section, re.MULTILINE))
    assert documented == set(keys("", yaml.safe_load((ROOT / "config" / f"{name}.yaml").read_text())))


def test_every_environment_variable_is_documented() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src" / "tenthman" / "config").glob("*.py"))
    variables = set(re.findall(r'(?:environment\.get|secret)\("([A-Z_]+)"', source))
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert variables
    assert [name for name in sorted(variables) if f"`{name}`" not in text] == []


def test_the_numbers_of_the_readme_are_those_shipped() -> None:
    rules = yaml.safe_load((ROOT / "config" / "risk_rules.yaml").read_text())
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f"{rules['risk_fraction_per_trade'] * 100:g} % of equity at risk a trade" in text
    assert f"at most {rules['max_positions']} positions" in text
    assert f"{rules['max_open_risk_fraction'] * 100:g} % of equity at risk over all of them" in text
    assert f"a drawdown stop at {rules['drawdown']['limit_fraction'] * 100:g} %" in text
    words = ("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen")
    for page in (text, (ROOT / "docs" / "committee.md").read_text(encoding="utf-8")):
        assert re.search(rf"\b{words[len(RULES) - 10]} (deterministic )?rules\b", page)


@pytest.mark.parametrize("number", ["risk_fraction_per_trade", "max_position_fraction", "max_gross_fraction"])
def test_the_sums_on_risk_are_done_with_the_shipped_numbers(number: str) -> None:
    rules = yaml.safe_load((ROOT / "config" / "risk_rules.yaml").read_text())
    text = (ROOT / "docs" / "risk.md").read_text(encoding="utf-8")
    assert f"{rules[number] * 100:g} %" in text
    for distance in (0.02, 0.03, 0.04, 0.05, 0.10):
        by_risk = rules["risk_fraction_per_trade"] / distance
        allowed = min(by_risk, rules["max_position_fraction"])
        open_risk = int(rules["max_open_risk_fraction"] / (allowed * distance) + 1e-9)
        gross = int(rules["max_gross_fraction"] / allowed + 1e-9)
        row = next(line for line in text.splitlines() if line.startswith(f"| {distance * 100:g} % |"))
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[1:3] == [f"{by_risk * 100:.1f} %", f"{allowed * 100:.1f} %"]
        assert cells[4:] == [str(open_risk), str(gross)]
