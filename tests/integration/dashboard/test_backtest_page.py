"""The page of a backtest: every section, the numbers of the JSON, and nothing from or to anywhere."""

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from tenthman_backtests import HOSTILE, toy_story

from tenthman.dashboard import backtest_html
from tenthman.dashboard.backtest_html import write_backtest_html, write_backtest_json
from tenthman.dashboard.backtest_summary import BacktestReport
from tenthman.dashboard.backtest_view import build_backtest_report
from tenthman.dashboard.page import shaped, signed
from tenthman.domain.market import MarketKind

SECTIONS = {
    "claim", "tiles", "equity", "figures-table", "nulls", "provenance", "survivorship", "drawdown", "rolling", "months",
    "splits", "ic", "exposure", "turnover", "denials", "latch", "ablation", "shadows", "trades", "notes", "figures",
}  # fmt: skip


class Page(HTMLParser):
    """The elements, and the text outside scripts, of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._inside: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._inside.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if self._inside and self._inside[-1] not in ("script", "style") and data.strip():
            self.text.append(data.strip())

    @property
    def ids(self) -> set[str]:
        return {str(attributes["id"]) for _, attributes in self.elements if "id" in attributes}


@pytest.fixture(scope="module")
def report() -> BacktestReport:
    return build_backtest_report(toy_story())


@pytest.fixture(scope="module")
def written(report: BacktestReport, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    """The page's text and the JSON's content."""
    folder = tmp_path_factory.mktemp("backtest")
    page = write_backtest_html(report, folder / "new" / "b.html")
    body = write_backtest_json(report, folder / "new" / "b.json")
    return page.read_text(encoding="utf-8"), json.loads(body.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def page(written: tuple[str, dict[str, Any]]) -> Page:
    return Page(written[0])


def test_every_section_is_there(page: Page) -> None:
    assert page.ids >= SECTIONS
    charts = {name for name in page.ids if name.startswith("chart-")}
    assert len(charts) == 6


def test_the_page_shows_the_numbers_of_the_json(page: Page, written: tuple[str, dict[str, Any]]) -> None:
    body = written[1]
    text = set(page.text)
    for item in body["figures"]:
        shown = [
            shaped(item["net_return"], "percent"),
            shaped(item["sharpe"]["value"], "ratio"),
            f"{shaped(item['sharpe']['low'], 'ratio')} to {shaped(item['sharpe']['high'], 'ratio')}",
            shaped(item["psr"], "share"),
            shaped(item["dsr"], "share"),
            shaped(item["excess_equal_weight"]["value"], "percent"),
            shaped(item["excess_index"]["value"], "percent"),
            shaped(item["max_drawdown"], "share"),
        ]
        assert [value for value in shown if value not in text] == []
    for item in body["benchmarks"]:
        assert {shaped(item["sharpe"], "ratio"), shaped(item["net_return"], "percent")} <= text
    for row in body["years"]:
        assert {shaped(value, "short") for value in row["months"]} <= text
    for row in body["ablation"]:
        assert {row["name"], shaped(row["net_return"], "percent")} <= text
    for warning in body["warnings"]:
        assert warning in text
    assert f"{body['trials']} trials" in " ".join(page.text)


def test_probabilities_and_p_values_are_called_what_they_are(page: Page) -> None:
    told = " ".join(" ".join(page.text).split())
    assert "probability that the true Sharpe ratio exceeds the expected maximum of" in told
    assert "without skill, given skew and kurtosis" in told
    assert "One-sided p" in told
    for loose in ("more than luck", "by luck", "Chance of"):
        assert loose not in told


def test_the_list_of_trades_is_that_of_the_json(page: Page, written: tuple[str, dict[str, Any]]) -> None:
    cells = [attributes["data-v"] for tag, attributes in page.elements if tag == "td" and "data-v" in attributes]
    rows = [cells[place : place + 10] for place in range(0, len(cells), 10)]
    assert [(row[0], row[1], row[3], float(str(row[8]))) for row in rows] == [
        (item["ticker"], item["opened"], item["ended_by"], item["result_usd"]) for item in written[1]["trades"]
    ]


def test_a_long_list_of_trades_is_cut_in_the_page_and_whole_in_the_json(
    report: BacktestReport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backtest_html, "MOST_TRADES", 5)
    page = Page(write_backtest_html(report, tmp_path / "b.html").read_text(encoding="utf-8"))
    assert sum(tag == "tr" for tag, _ in page.elements) > 5
    assert sum(tag == "td" and "data-v" in attributes for tag, attributes in page.elements) == 5 * 10
    assert any(f"The last 5 of {len(report.trades)}; the JSON has all." in text for text in page.text)


def test_the_page_loads_nothing_and_points_nowhere(page: Page, written: tuple[str, dict[str, Any]]) -> None:
    names = ("src", "href", "srcset", "action", "data", "poster", "background")
    assert [(tag, name) for tag, attributes in page.elements for name in attributes if name in names] == []
    policy = next(attributes["content"] for tag, attributes in page.elements if attributes.get("http-equiv"))
    assert str(policy).startswith("default-src 'none'")
    own = written[0].split("<script>", 1)[0]
    assert "http://" not in own
    assert "https://" not in own


def test_text_from_outside_stays_text(page: Page, written: tuple[str, dict[str, Any]]) -> None:
    tags = [tag for tag, _ in page.elements]
    assert tags.count("script") == 3
    assert "i" not in tags
    assert any(HOSTILE in text for text in page.text)
    inside = written[0].split('id="figures">', 1)[1].split("</script>", 1)[0]
    assert "<" not in inside
    assert set(json.loads(inside)) == {name for name in page.ids if name.startswith("chart-")}


def test_the_first_line_says_what_market_it_is(page: Page) -> None:
    assert next(text for text in page.text if text.startswith("REAL")) == f"REAL market data (pack): {HOSTILE}"


def test_a_short_run_on_the_practice_market_is_a_whole_page_too(tmp_path: Path) -> None:
    short = build_backtest_report(toy_story(20, kind=MarketKind.PRACTICE, runs=0))
    page = Page(write_backtest_html(short, tmp_path / "b.html").read_text(encoding="utf-8"))
    assert page.ids >= SECTIONS
    text = " ".join(page.text)
    assert "PRACTICE market (fictional" in text
    assert "No random entries were drawn" in text
    assert "shorter than the 63 sessions" in text
    assert "nan" not in text.lower().replace("finance", "").split()


def test_nothing_is_never_told_as_less_than_nothing(report: BacktestReport, tmp_path: Path) -> None:
    assert (shaped(-0.00001, "percent"), shaped(-0.0001, "short"), signed(-0.001)) == ("+0.00%", "+0.0", "+0.00")
    whole = replace(report, unexplained_usd=-0.00002)
    text = write_backtest_html(whole, tmp_path / "b.html").read_text(encoding="utf-8")
    assert "leave +0.00 USD unexplained" in text


def test_the_tile_of_the_drawdown_says_how_often_the_stop_acted(report: BacktestReport, page: Page) -> None:
    halts = sum(move.state == "halted" for move in report.latch)
    assert halts > 0
    told = "1 halt" if halts == 1 else f"{halts} halts"
    assert f"from the highest close; {told} by the drawdown stop" in page.text


def test_a_page_that_cannot_be_written_leaves_the_old_one(report: BacktestReport, tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    path.write_text("old")
    broken = replace(report, fees=float("nan"))
    with pytest.raises(ValueError, match="JSON compliant"):
        write_backtest_json(broken, path)
    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["b.json"]
