"""A backtest's report as files: one HTML page that needs nothing else, and the same facts as JSON."""

import json
from pathlib import Path

from jinja2 import Environment

from tenthman.dashboard.backtest_charts import backtest_charts
from tenthman.dashboard.backtest_series import ROLLING_SESSIONS, TURNOVER_SESSIONS
from tenthman.dashboard.backtest_summary import BacktestReport
from tenthman.dashboard.page import open_environment, plotly_source, replacing, script_json
from tenthman.domain.market import MarketKind
from tenthman.domain.order import TradingState

MOST_TRADES = 2000
"""Trades listed in the page; the JSON holds all of them."""

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def write_backtest_html(report: BacktestReport, path: Path) -> Path:
    """Write the page to `path` and return it; what was there before stays until the new file is whole."""
    charts = backtest_charts(report)
    context = {
        "report": report,
        "practice": report.market.kind is MarketKind.PRACTICE,
        "shown": report.trades[-MOST_TRADES:],
        "halts": sum(move.state == TradingState.HALTED.value for move in report.latch),
        "month_names": MONTHS,
        "window": ROLLING_SESSIONS,
        "turnover_window": TURNOVER_SESSIONS,
        "charts": tuple(charts),
        "figures": script_json(charts),
        "plotly": plotly_source(),
    }
    template = _environment().get_template("backtest.html")
    with replacing(path) as file:
        for part in template.generate(context):
            file.write(part)
    return path


def write_backtest_json(report: BacktestReport, path: Path) -> Path:
    """Write the facts of the page, all trades among them, to `path` and return it."""
    with replacing(path) as file:
        json.dump(report.as_dict(), file, ensure_ascii=False, allow_nan=False, indent=1)
        file.write("\n")
    return path


def _environment() -> Environment:
    environment = open_environment()
    environment.filters["times"] = _times
    return environment


def _times(value: float) -> str:
    return f"{value:g}x"
