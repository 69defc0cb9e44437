"""A run told in figures and as one HTML file, from rows written through the ledger."""

import json
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tenthman_reports import CLOSE, HOSTILE, begin, seed, small_run

from tenthman.cli.rehearse import _rows
from tenthman.config import load_config
from tenthman.dashboard.report import RunReport, build_report, write_html
from tenthman.dashboard.run_benchmarks import excess_over_equal_weight
from tenthman.dashboard.summary import BenchmarkPoint, EquityPoint
from tenthman.db.pool import Pool
from tenthman.domain.errors import ConfigError
from tenthman.scheduler.outcomes.scorecard import scorecard
from tenthman.scheduler.record import CommitteeKey
from tenthman.scheduler.state.ledger import Ledger


class Page(HTMLParser):
    """Every element with its attributes, and the text outside scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self._open) and data.strip():
            self.text.append(" ".join(data.split()))

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)


@pytest.fixture
def report(pool: Pool) -> RunReport:
    small_run(pool)
    return build_report(pool, None)


@pytest.fixture
def page(pool: Pool, report: RunReport, tmp_path: Path) -> Page:
    return Page(write_html(pool, report, tmp_path / "reports" / "r.html").read_text(encoding="utf-8"))


def test_the_first_thing_said_is_whether_the_market_is_real(report: RunReport, page: Page) -> None:
    assert report.headline == "PRACTICE market (fictional, never real prices): small practice"
    assert next(iter(report.as_dict())) == "headline"
    body = page.text[1:]
    assert body[0] == report.headline
    assert page.text[0].startswith(report.headline)


def test_figures_are_counted_from_the_record(report: RunReport) -> None:
    assert (report.proposals, report.reviewed, report.vetoed) == (3, 2, 1)
    assert report.vetoes == {"bad_news": 1, "sharp_fall": 1}
    assert report.denials == {"max_positions": 1}
    assert report.orders == {"entry filled": 1, "stop filled": 1}
    assert report.fills == 2
    assert report.sessions == 2
    assert report.drawdown_limit == 0.03


def test_profit_is_the_change_of_equity_less_our_own_fees_and_the_trades_add_up_to_it(report: RunReport) -> None:
    assert (report.start_equity, report.end_equity, report.fees) == (100_000, 99_790, Decimal("0.30"))
    assert report.pnl == Decimal("-210.30")
    assert report.return_ == pytest.approx(-0.002103)
    assert (report.realised, report.unrealised, report.unexplained) == (Decimal("-210.30"), 0, 0)
    assert report.dividends == Decimal(0)
    assert report.max_drawdown == pytest.approx(0.0021)


def test_dividends_explain_their_part_of_the_profit_and_the_page_says_who_earned_them(
    pool: Pool, tmp_path: Path
) -> None:
    small_run(pool)
    with pool.connection() as connection:
        connection.execute("""UPDATE runs SET summary = '{"dividends_usd": "12.5000"}'""")
    paid = build_report(pool, None)
    assert (paid.dividends, paid.unexplained) == (Decimal("12.5"), Decimal("-12.5"))
    text = write_html(pool, paid, tmp_path / "r.html").read_text(encoding="utf-8")
    assert "The desk was paid 12.50 USD of them on ex-dates" in text


def test_benchmarks_run_from_the_first_open_to_the_last_close_known(report: RunReport) -> None:
    assert report.index_return == pytest.approx(306 / 300 - 1)
    assert report.equal_weight_names == 2
    assert report.equal_weight_return == pytest.approx((77.7 / 74 + 100 / 100) / 2 - 1)
    assert [point.session for point in report.benchmarks] == [date(2020, 1, 6), date(2020, 1, 7)]


def test_the_committee_sentence_says_who_spoke_and_why_it_does_not_bind(report: RunReport) -> None:
    assert report.committee == (
        "tiny: advisory, it failed its examination (4 of 20 cases sat; missed min_clear_vetoes 0.8, was 0.10); "
        "replies answered 2; 0.9 s a case at the median and 0.9 s at the 95th percentile (2 asked anew); "
        "the rules critic always binds"
    )
    bull = next(card for card in report.scorecards if card.role == "bull")
    assert (bull.stances, bull.bought_against, bull.realised_against) == ({"veto": 2}, 1, Decimal("-210.30"))


def test_the_state_and_the_audit_are_told(report: RunReport) -> None:
    assert "halted since 2020-01-06 21:05 UTC (drawdown from peak <script>)" in report.trading_state
    assert report.audit.startswith("verified, ")
    assert len(report.digest) == 64


def test_a_changed_event_is_told_as_a_broken_chain(pool: Pool) -> None:
    small_run(pool)
    with pool.connection() as connection:
        connection.execute("ALTER TABLE audit_events DISABLE TRIGGER audit_events_append_only")
        connection.execute("UPDATE audit_events SET payload = '{}' WHERE sequence = 3")
    assert build_report(pool, None).audit.startswith("BROKEN: audit event 3")


def test_the_report_can_be_written_as_json(report: RunReport) -> None:
    body = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert body["return"] == pytest.approx(-0.002103)
    assert body["trades"][0]["ticker"] == "AAPL"


def test_a_run_is_found_by_the_beginning_of_its_id(pool: Pool) -> None:
    run_id = small_run(pool)
    assert build_report(pool, run_id[:8]).run_id == run_id


def test_what_a_pattern_would_match_is_no_runs_id(pool: Pool) -> None:
    small_run(pool)
    for pattern in ("%", "_"):
        with pytest.raises(ConfigError, match=f"was '{pattern}'"):
            build_report(pool, pattern)


def test_of_several_drawdown_limits_the_tightest_is_told(pool: Pool) -> None:
    small_run(pool)
    with pool.connection() as connection:
        connection.execute(
            """UPDATE decisions SET checks = replace(checks::text, 'below 0.03', 'below 0.02')::jsonb
               WHERE ticker = 'IDX'"""
        )
    assert build_report(pool, None).drawdown_limit == 0.02


def test_each_model_that_was_asked_is_told_with_its_own_examination(pool: Pool) -> None:
    small_run(pool)
    with pool.connection() as connection:
        connection.execute(
            """INSERT INTO examinations (model, model_digest, prompts_hash, marks_hash, passed, result, examined_at)
               VALUES ('large', 'other', 'p', 'm', true, '{"sat": 20, "cases": 20}', '2026-01-01 00:05Z')"""
        )
        connection.execute("UPDATE critiques SET model_digest = 'other' WHERE decision_id = 'd-MSFT' AND role = 'bull'")
    told = build_report(pool, None).committee
    assert "large passed its examination (20 of 20 cases sat), tiny failed its examination (4 of 20 cases sat" in told


def test_a_run_of_weeks_claims_nothing_and_says_so_before_any_figure(report: RunReport, page: Page) -> None:
    assert report.claim.startswith("2 sessions with 1 trade cannot tell skill from luck")
    assert page.text.index("No edge is claimed.") < page.text.index("P&L after costs, USD")
    assert report.excess_equal_weight.value == pytest.approx(
        99_790 / 100_000 - 1 - report.equal_weight_return, abs=1e-4
    )
    assert "over the period; no interval: too little data" in page.text


def test_the_table_of_the_command_line_claims_nothing_either(report: RunReport) -> None:
    rows = dict(_rows(report, {}))
    assert rows["claim"] == f"no edge is claimed. {report.claim}"
    assert rows["excess over equal weight"].endswith("over the period; no interval: too little data")


def test_the_excess_of_a_longer_run_has_an_interval() -> None:
    days = [date(2020, 1, 1) + timedelta(days=number) for number in range(21)]
    points = [
        EquityPoint(at=CLOSE, session=day, equity=Decimal(100_000 + 300 * number + 500 * (number % 2)),
                    cash=Decimal(0), invested=Decimal(0), positions=0, drawdown=0.0, day_loss=0.0)
        for number, day in enumerate(days)
    ]  # fmt: skip
    flat = [BenchmarkPoint(session=day, index=1.0, equal_weight=1.0) for day in days]
    found = excess_over_equal_weight(points, flat)
    assert found.value == pytest.approx(0.06, abs=0.002)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high


def test_neither_a_reply_nor_a_broker_nor_a_pack_can_turn_the_page_around(
    pool: Pool, report: RunReport, tmp_path: Path
) -> None:
    with pool.connection() as connection:
        connection.execute("UPDATE model_replies SET reply = U&'buy\\202Elles\\200B'")
        connection.execute("UPDATE orders SET error = U&'no\\202Emoney'")
    told = replace(report, market=replace(report.market, description="ours\u202e", name="n\u202e"))
    text = write_html(pool, told, tmp_path / "r.html").read_text(encoding="utf-8")
    assert "buy\ufffdlles\ufffd" in text
    assert "no\ufffdmoney" in text
    assert "ours\ufffd" in text
    assert "\u202e" not in text.split("<script>", 1)[0]


def test_a_run_that_is_not_there_is_an_error_that_lists_what_is(pool: Pool) -> None:
    with pytest.raises(ConfigError, match="no run has finished; there is none yet"):
        build_report(pool, None)
    run_id = small_run(pool)
    with pytest.raises(ConfigError, match=rf"was 'nonsense'; there are {run_id} \(finished\)"):
        build_report(pool, "nonsense")


def test_a_run_without_a_closed_session_has_nothing_to_report(pool: Pool) -> None:
    seed(pool)
    with pool.connection() as connection:
        connection.execute("DELETE FROM bars")
    with begin(pool) as ledger, pytest.raises(ConfigError, match="has not closed a session yet"):
        build_report(pool, ledger.run_id)


def test_the_page_loads_nothing_from_anywhere(page: Page) -> None:
    loading = [
        (tag, name, value)
        for tag, attributes in page.elements
        for name, value in attributes.items()
        if name in ("src", "href", "srcset", "action", "data", "poster", "background")
    ]
    assert loading == []
    assert page.count("link") == 0
    assert page.count("iframe") == 0
    policies = [attributes["content"] for tag, attributes in page.elements if attributes.get("http-equiv")]
    assert policies
    assert str(policies[0]).startswith("default-src 'none'")


def test_text_from_outside_stays_text(page: Page) -> None:
    assert page.count("script") == 3
    assert page.count("img") == 0
    assert HOSTILE in page.text
    assert any("<img src=x>" in text for text in page.text)
    assert any("</script><b>" in text for text in page.text)


def test_the_figures_are_json_that_cannot_leave_their_element(page: Page, pool: Pool, tmp_path: Path) -> None:
    text = (tmp_path / "reports" / "r.html").read_text(encoding="utf-8")
    inside = text.split('id="figures">', 1)[1].split("</script>", 1)[0]
    assert "<" not in inside
    figures = json.loads(inside)
    assert set(figures) == {"chart-equity", "chart-drawdown", "chart-positions"}
    assert figures["chart-equity"]["data"][0]["y"] == [100000.0, 99900.0, 99790.0, 99790.0]
    assert figures["chart-equity"]["data"][1]["y"] == pytest.approx([100000.0, 100000.0, 102000.0])
    assert figures["chart-drawdown"]["data"][2]["y"] == [-0.03, -0.03]
    assert [item["text"] for item in figures["chart-equity"]["layout"]["annotations"]] == ["halted"]


def test_a_trade_opens_to_its_whole_story_in_order(page: Page) -> None:
    assert page.count("details") >= 1
    assert [attributes["id"] for tag, attributes in page.elements if attributes.get("class") == "trade"] == ["d-AAPL"]
    story = "\n".join(page.text[page.text.index("1. Headlines known then") :])
    parts = [
        HOSTILE,
        "momentum_20",
        "undefined",
        "BUY by v1",
        "The quoted headlines are clearly bad for the company.",
        "Argue for it.",
        "cited what is not there: n9",
        "risk_fraction_per_trade",
        "set the size",
        "tm-d-AAPL-entry",
        "Worse by, bp",
        "x1",
        "72.00",
        "Closed 06 Jan 2020 12:00 by stop: -210.30 USD after fees of 0.30 USD",
    ]
    places = [story.index(part) for part in parts]
    assert places == sorted(places)


def test_the_file_is_small_enough_to_send_and_replaces_the_old_one_whole(
    pool: Pool, report: RunReport, tmp_path: Path
) -> None:
    path = tmp_path / "r.html"
    path.write_text("old")
    assert write_html(pool, report, path) == path
    assert path.stat().st_size < 8_000_000
    assert [item.name for item in tmp_path.iterdir()] == ["r.html"]


def test_a_report_that_cannot_be_written_leaves_the_old_one(pool: Pool, report: RunReport, tmp_path: Path) -> None:
    path = tmp_path / "r.html"
    path.write_text("old")
    pool.close()
    with pytest.raises(Exception, match="closed"):
        write_html(pool, report, path)
    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["r.html"]


def test_what_critics_were_worth_stands_in_the_page(pool: Pool, report: RunReport, tmp_path: Path) -> None:
    worth = scorecard(load_config(None, {}), pool, report.run_id)
    page = Page(write_html(pool, report, tmp_path / "r.html", worth).read_text(encoding="utf-8"))
    at = page.text.index("What their opinions were worth")
    assert page.text[at + 1 :][:2] == ["Critic, prompts, model", "Answered"]
    row = page.text.index("bull*", at)
    assert page.text[row : row + 6] == ["bull*", "-", "tiny", "2 of 2", "100%", "1"]
    assert "too few" in page.text[row : row + 9]
    calibration = page.text.index("of that share", row)
    assert page.text[calibration : calibration + 20].count("answered 2") == 2
    assert any("80% said, 0% came (1)" in text for text in page.text[calibration:])
    assert "bull and rules" in page.text[calibration:]


def test_what_became_of_a_veto_is_told_as_it_is_followed(pool: Pool, report: RunReport, tmp_path: Path) -> None:
    (shadow,) = report.shadows
    told = replace(report, shadows=(shadow, replace(shadow, ended="never_filled")))
    page = Page(write_html(pool, told, tmp_path / "r.html").read_text(encoding="utf-8"))
    at = page.text.index("Shadow positions: what became of what was taken away")
    assert {"not settled", "never filled"} <= set(page.text[at : at + 20])
    assert any("sold when the desk would sell it: by signal or by the drawdown stop too" in text for text in page.text)


def test_a_demotion_is_told_with_its_figures(pool: Pool, report: RunReport) -> None:
    committee = CommitteeKey(model="tiny", model_digest="digest", template_hash="t")
    Ledger.attach(pool, report.run_id).demote_committee(committee, "40 entries, -90 bp each", {"vetoes": 40}, CLOSE)
    assert build_report(pool, None).committee.endswith("demoted 2020-01-06 21:05 UTC (40 entries, -90 bp each)")
