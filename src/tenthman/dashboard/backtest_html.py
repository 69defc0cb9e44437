"""A backtest's report as files: one HTML page that needs nothing else, and the same facts as JSON."""

import json
from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment

from tenthman.dashboard.backtest_charts import backtest_charts
from tenthman.dashboard.backtest_series import ROLLING_SESSIONS, TURNOVER_SESSIONS
from tenthman.dashboard.backtest_summary import BacktestReport, Estimate
from tenthman.dashboard.page import open_environment, plotly_source, replacing, script_json
from tenthman.domain.market import MarketKind

MOST_TRADES = 2000
"""Trades listed in the page; the JSON holds all of them."""

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
UNKNOWN = "–"

_SHAPES: dict[str, Callable[[float], str]] = {
    "percent": lambda value: f"{value:+.2%}",
    "share": lambda value: f"{value:.1%}",
    "short": lambda value: f"{round(100 * value, 1) or 0.0:+.1f}",
    "ratio": lambda value: f"{value:.2f}",
    "whole": lambda value: f"{value:.0%}",
    "tenth": lambda value: f"{value:.1f}",
    "chance": lambda value: f"{value:.3f}" if value >= 0.001 else "below 0.001",
    "fine": lambda value: f"{value:+.4f}",
}


def write_backtest_html(report: BacktestReport, path: Path) -> Path:
    """Write the page to `path` and return it; what was there before stays until the new file is whole."""
    charts = backtest_charts(report)
    context = {
        "report": report,
        "practice": report.market.kind is MarketKind.PRACTICE,
        "shown": report.trades[-MOST_TRADES:],
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


def shaped(value: float | None, shape: str) -> str:
    """`value` as people read it; a dash when there is none."""
    return UNKNOWN if value is None else _SHAPES[shape](value)


def between(estimate: Estimate, shape: str) -> str:
    """The interval of `estimate` in words."""
    if estimate.low is None or estimate.high is None:
        return "no interval: too little data"
    return f"{estimate.level:.0%} interval {shaped(estimate.low, shape)} to {shaped(estimate.high, shape)}"


def _environment() -> Environment:
    environment = open_environment()
    environment.filters.update(shaped=shaped, between=between, times=_times, tone=_tone)
    return environment


def _times(value: float) -> str:
    return f"{value:g}x"


def _tone(value: float | None) -> str:
    if value is None or value == 0:
        return ""
    return "gain" if value > 0 else "loss"
