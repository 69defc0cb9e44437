"""The report as one HTML file that needs nothing else: no network, no other file, and a policy that forbids both."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from jinja2 import Environment

from tenthman.agents.vocabulary import VOCABULARY
from tenthman.dashboard.charts import charts
from tenthman.dashboard.page import open_environment, plotly_source, replacing, script_json
from tenthman.dashboard.scorecard_facts import worth_facts
from tenthman.dashboard.summary import RoundTripRow, RunReport
from tenthman.db.pool import Pool
from tenthman.domain.market import NEW_YORK
from tenthman.scheduler.outcomes.scorecard import Scorecard
from tenthman.scheduler.outcomes.story import Row, TradeStory, trade_story

MOST_STORIES = 150
"""Trades told in full, so that the file stays small enough to be mailed; `tenthman audit trade` tells the others."""


def write_html(pool: Pool, report: RunReport, path: Path, worth: Scorecard | None = None) -> Path:
    """Write the report to `path` and return it; what was there before stays until the new file is whole.

    `worth`: what the run's critics were worth, where any was asked.
    """
    template = _environment().get_template("report.html")
    context = {
        "report": report,
        "worth": None if worth is None else worth_facts(worth),
        "trades": _told(pool, report),
        "untold": max(0, len(report.trades) - MOST_STORIES),
        "figures": script_json(charts(report)),
        "plotly": plotly_source(),
        "words": VOCABULARY,
    }
    with replacing(path) as file:
        for part in template.generate(context):
            file.write(part)
    return path


def _told(pool: Pool, report: RunReport) -> Iterator[tuple[RoundTripRow, TradeStory | None]]:
    for number, trade in enumerate(report.trades):
        yield trade, trade_story(pool, report.run_id, trade.decision_id) if number < MOST_STORIES else None


def _environment() -> Environment:
    environment = open_environment()
    environment.filters.update(
        moment=_moment,
        number=_number,
        reasons=_reasons,
        named=_named,
        shared_prompt=_shared_prompt,
    )
    return environment


def _moment(value: datetime | str | None) -> str:
    """New York time, since sessions are New York days."""
    if value is None:
        return ""
    instant = datetime.fromisoformat(value) if isinstance(value, str) else value
    return f"{instant.astimezone(NEW_YORK):%d %b %Y %H:%M}"


def _number(value: Decimal | float | None) -> str:
    return "undefined" if value is None else f"{value:,.6g}"


def _reasons(codes: list[str]) -> list[str]:
    """Reason codes in words; a code of another vocabulary stays as it is."""
    return [VOCABULARY.get(code, code) for code in codes]


def _named(features: Row) -> list[tuple[str, float | None]]:
    return list(zip(features["names"], features["values"], strict=True))


def _shared_prompt(critiques: Sequence[Row]) -> str:
    """The part of the prompt that all agents were given; empty where none was asked."""
    prompts = [critique["prompt"] for critique in critiques if critique["prompt"] is not None]
    return str(prompts[0].get("shared", "")) if prompts else ""
