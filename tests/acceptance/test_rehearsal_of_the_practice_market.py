"""Two sessions of the practice market as a user rehearses them, the embedded language model included."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from tenthman_checker import BookFigures, EntryFigures, Held, broken_rules, rules_as_written
from tenthman_command import PRACTICE, Installed

from tenthman.db.embedded import open_embedded

pytestmark = pytest.mark.slow

ROLES = {"analyst", "bull", "bear", "risk", "committee", "rules"}
FIELDS = {
    "sessions", "proposals", "vetoes", "denials", "orders", "fills", "pnl", "fees", "index_return",
    "equal_weight_return", "max_drawdown", "audit", "committee", "trading_state", "digest", "run_id", "report",
    "headline", "seconds", "trades", "equity",
}  # fmt: skip

Connection = psycopg.Connection[dict[str, Any]]


@pytest.fixture(scope="module")
def stored(practice_run: dict[str, Any], tenthman: Installed) -> Iterator[Connection]:
    """The database behind the run; the server stays up meanwhile."""
    with open_embedded(tenthman.home) as server, psycopg.connect(server.url, row_factory=dict_row) as connection:
        connection.autocommit = True
        yield connection


@pytest.fixture(scope="module")
def stories(practice_run: dict[str, Any], tenthman: Installed, stored: Connection) -> list[dict[str, Any]]:
    """Ten trades, or all when there are fewer, each told by the command."""
    listed = tenthman.told("audit", "trades", "--run", practice_run["run_id"])
    assert [trade["decision_id"] for trade in listed] == [trade["decision_id"] for trade in practice_run["trades"]]
    named = [trade["decision_id"] for trade in listed[:10]]
    return [tenthman.told("audit", "trade", name, "--run", practice_run["run_id"]) for name in named]


def test_fills_are_held_against_what_was_expected(practice_run: dict[str, Any], tenthman: Installed) -> None:
    told = tenthman.told("audit", "slippage", "--run", practice_run["run_id"])
    entries = [order for order in told["orders"] if order["purpose"] == "entry"]
    assert len(entries) == len(practice_run["trades"])
    assert all(Decimal(order["basis_points"]) <= 0 for order in entries), "no entry fills beyond its limit"
    assert sum(Decimal(order["cost_usd"]) for order in told["orders"]) == pytest.approx(
        Decimal(told["sums"][-1]["cost_usd"]), abs=Decimal("0.01")
    )


def test_it_says_before_all_else_that_the_market_is_not_real(practice_run: dict[str, Any]) -> None:
    said = practice_run["said"].splitlines()
    assert said[1].startswith("PRACTICE market (fictional, never real prices)")
    assert practice_run["headline"].startswith("PRACTICE market (fictional, never real prices)")


def test_the_json_holds_what_the_table_shows(practice_run: dict[str, Any]) -> None:
    assert practice_run.keys() >= FIELDS
    assert practice_run["sessions"] == 2
    assert practice_run["fills"] > 0
    assert practice_run["status"] == "finished"
    assert Decimal(practice_run["unexplained"]) == 0
    assert "unbroken chain" in practice_run["audit"]
    assert re.fullmatch("[0-9a-f]{64}", practice_run["digest"])


def test_the_report_is_one_file_that_needs_no_other(practice_run: dict[str, Any]) -> None:
    page = _Page()
    page.feed(Path(practice_run["report"]).read_text(encoding="utf-8"))
    assert page.fetched == []
    assert {trade["decision_id"] for trade in practice_run["trades"]} <= page.ids
    assert practice_run["headline"] in page.text
    assert practice_run["digest"] in page.text


def test_every_trade_can_be_followed_from_the_fill_to_the_headline(
    stories: list[dict[str, Any]], stored: Connection
) -> None:
    assert len(stories) >= 3
    quoted = 0
    for story in stories:
        entry = next(order for order in story["orders"] if order["purpose"] == "entry")
        assert story["fills"]
        assert {fill["client_order_id"] for fill in story["fills"]} <= {
            order["client_order_id"] for order in story["orders"]
        }
        assert entry["client_order_id"] == story["decision"]["client_order_id"]
        assert all(check["passed"] for check in story["decision"]["checks"])
        assert {"risk_fraction_per_trade"} <= {check["rule"] for check in story["decision"]["checks"]}
        assert story["case"]["signal"]["action"] == "buy"
        assert story["case"]["signal"]["model_version"] == story["model"]["version"]
        assert len(story["features"]["names"]) == len(story["features"]["values"]) > 20
        assert story["features"]["as_of"] == story["decision"]["as_of"]
        passages = [passage["item_id"] for passage in story["case"]["passages"]]
        assert passages == [item["id"] for item in sorted(story["news"], key=lambda item: passages.index(item["id"]))]
        assert all(item["known_at"] <= story["decision"]["as_of"] for item in story["news"])
        found = stored.execute("SELECT count(*) AS n FROM news WHERE id = ANY (%s)", [passages]).fetchone()
        assert found == {"n": len(passages)}
        quoted += len(passages)
    assert quoted > 0


def test_every_opinion_is_on_record_with_prompt_and_raw_reply(stories: list[dict[str, Any]]) -> None:
    for story in stories:
        assert {critique["role"] for critique in story["critiques"]} == ROLES
        asked = [critique for critique in story["critiques"] if critique["role"] != "rules"]
        assert all(critique["prompt"]["instruction"] and critique["prompt"]["shared"] for critique in asked)
        assert all(story["decision"]["ticker"] in critique["prompt"]["shared"] for critique in asked)
        for critique in asked:
            if critique["state"] == "answered":
                assert json.loads(critique["reply"])["stance"] == critique["stance"]


def test_the_embedded_model_advises_and_does_not_bind(stories: list[dict[str, Any]]) -> None:
    binding = {critique["role"] for story in stories for critique in story["critiques"] if critique["binding"]}
    assert binding == {"rules"}


def test_no_order_breaks_a_rule_by_other_sums(practice_run: dict[str, Any], stored: Connection) -> None:
    rules = rules_as_written()
    entries = _entries(stored, practice_run["run_id"])
    assert len(entries) >= 3
    for entry in entries:
        before = [item for item in entries if item["as_of"] == entry["as_of"] and item["sequence"] < entry["sequence"]]
        figures = EntryFigures(
            ticker=entry["ticker"],
            issuer=entry["issuer"],
            sector=entry["sector"],
            quantity=entry["quantity"],
            limit=entry["limit_price"],
            stop=entry["stop_price"],
            target=entry["target_price"],
            median_volume=float(entry["median_volume"]),
            entries_before=len(before),
        )
        assert broken_rules(figures, _book(stored, practice_run["run_id"], entry, entries), rules) == []


def test_a_second_run_agrees_asks_nothing_anew_and_says_the_same(
    practice_run: dict[str, Any], tenthman: Installed, stored: Connection
) -> None:
    replies = stored.execute("SELECT count(*) AS n FROM model_replies").fetchone()
    again = tenthman.told(*PRACTICE)
    assert again["run_id"] != practice_run["run_id"]
    assert again["digest"] == practice_run["digest"]
    assert again["seconds"]["trading"] < practice_run["seconds"]["trading"] / 2
    assert stored.execute("SELECT count(*) AS n FROM model_replies").fetchone() == replies
    same = ("trades", "orders", "denials", "vetoes", "pnl", "equity", "model_version", "config_hash")
    assert {name: again[name] for name in same} == {name: practice_run[name] for name in same}


def test_the_report_of_a_finished_run_can_be_had_again(
    practice_run: dict[str, Any], tenthman: Installed, stored: Connection, tmp_path: Path
) -> None:
    again = tenthman.told("report", practice_run["run_id"], "--out", tmp_path / "deep" / "again.html")
    assert Path(again["report"]) == tmp_path / "deep" / "again.html"
    assert "Tenth Man" in Path(again["report"]).read_text(encoding="utf-8")
    elsewhere = {"report", "seconds", "said", "audit"}
    assert {name: value for name, value in again.items() if name not in elsewhere} == {
        name: value for name, value in practice_run.items() if name not in elsewhere
    }


def test_a_changed_event_is_found_and_named(
    practice_run: dict[str, Any], tenthman: Installed, stored: Connection
) -> None:
    assert tenthman.told("audit", "verify")["intact"] is True
    event = stored.execute(
        "SELECT sequence, payload FROM audit_events WHERE run_id = %s AND kind = 'decision' LIMIT 1 OFFSET 3",
        [practice_run["run_id"]],
    ).fetchone()
    assert event is not None
    _overwrite(stored, event["sequence"], event["payload"].replace('"', "'", 1))
    try:
        answer = tenthman("audit", "verify", "--json")
    finally:
        _overwrite(stored, event["sequence"], event["payload"])
    assert answer.code == 1
    assert answer.out == ""
    assert f"audit event {event['sequence']} (decision, " in answer.complaints[0]
    assert "was changed" in answer.complaints[0]
    assert tenthman("audit", "verify").code == 0


def test_the_run_left_anchors_of_the_chain_up_to_its_end(
    practice_run: dict[str, Any], tenthman: Installed, stored: Connection
) -> None:
    noted = tenthman.told("audit", "verify")["anchored_events"]
    ended = stored.execute(
        "SELECT sequence FROM audit_events WHERE run_id = %s AND kind = 'run_finished'", [practice_run["run_id"]]
    ).fetchone()
    assert ended is not None
    assert noted >= ended["sequence"]


def test_the_log_is_json_with_the_ids_and_without_secrets(
    practice_run: dict[str, Any], tenthman: Installed, stored: Connection
) -> None:
    text = (tenthman.home / "logs" / "tenthman.log").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    assert all({"event", "level", "timestamp"} <= line.keys() for line in lines)
    mine = [line for line in lines if line.get("run_id") == practice_run["run_id"]]
    assert {"cycle finished", "fill"} <= {line["event"] for line in mine}
    assert (tenthman.home / "postgres.password").read_text(encoding="ascii").strip() not in text
    assert "X-Control-Token" not in text


class _Page(HTMLParser):
    """What a page would fetch, the ids in it, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.ids: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = dict(attrs)
        if tag in ("link", "iframe", "img", "script", "video", "object") and (held.get("src") or held.get("href")):
            self.fetched.append(f"{tag} {held.get('src') or held.get('href')}")
        if held.get("id"):
            self.ids.add(str(held["id"]))

    def handle_data(self, data: str) -> None:
        self.text += data


def _overwrite(stored: Connection, sequence: int, payload: str) -> None:
    with stored.transaction():
        stored.execute("ALTER TABLE audit_events DISABLE TRIGGER audit_events_append_only")
        stored.execute("UPDATE audit_events SET payload = %s WHERE sequence = %s", [payload, sequence])
        stored.execute("ALTER TABLE audit_events ENABLE TRIGGER audit_events_append_only")


def _entries(stored: Connection, run: str) -> list[dict[str, Any]]:
    """Entries in the order in which they were committed, with issuer, sector and the median volume known then."""
    return stored.execute(
        """SELECT o.*, d.as_of, d.session, u.issuer, u.sector, a.sequence,
                  (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY volume) FROM (
                      SELECT volume FROM bars WHERE bars.market_id = r.market_id AND bars.ticker = o.ticker
                      AND bars.session < d.session ORDER BY session DESC LIMIT 20) AS recent) AS median_volume
           FROM orders o JOIN decisions d ON d.run_id = o.run_id AND d.id = o.decision_id JOIN runs r ON r.id = o.run_id
           JOIN universe u ON u.market_id = r.market_id AND u.ticker = o.ticker
           JOIN audit_events a ON a.run_id = o.run_id AND a.subject = o.client_order_id AND a.kind = 'order_intent'
           WHERE o.run_id = %s AND o.purpose = 'entry' ORDER BY a.sequence""",
        [run],
    ).fetchall()


def _book(stored: Connection, run: str, entry: dict[str, Any], entries: list[dict[str, Any]]) -> BookFigures:
    """The account as it stood when `entry` was decided: its equity row, what was held, and entries not yet filled."""
    account = stored.execute("SELECT * FROM equity WHERE run_id = %s AND at = %s", [run, entry["as_of"]]).fetchone()
    assert account is not None
    by_ticker = {item["ticker"]: item for item in entries}
    filled = stored.execute(
        "SELECT client_order_id FROM fills WHERE run_id = %s AND filled_at <= %s", [run, entry["as_of"]]
    ).fetchall()
    done = {item["client_order_id"] for item in filled}
    cancelled = stored.execute(
        "SELECT subject FROM audit_events WHERE run_id = %s AND kind = 'cancel_requested' AND sequence < %s",
        [run, entry["sequence"]],
    ).fetchall()
    done |= {item["subject"] for item in cancelled}
    waiting = [item for item in entries if item["sequence"] < entry["sequence"]]
    return BookFigures(
        equity=account["equity_usd"],
        cash=account["cash_usd"],
        peak=account["peak_usd"],
        day_start=account["day_start_usd"],
        held=[_held(by_ticker[ticker], **figures) for ticker, figures in account["holdings"].items()],
        pending=[
            _held(item, quantity=item["quantity"], price=item["limit_price"])
            for item in waiting
            if item["client_order_id"] not in done
        ],
    )


def _held(entry: dict[str, Any], quantity: object, price: object) -> Held:
    return Held(
        ticker=entry["ticker"],
        issuer=entry["issuer"],
        sector=entry["sector"],
        quantity=Decimal(str(quantity)),
        price=Decimal(str(price)),
        stop=entry["stop_price"],
    )
