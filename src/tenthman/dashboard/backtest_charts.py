"""The charts of a backtest as plain Plotly figures; spans in which nothing could be entered are shaded."""

from collections.abc import Sequence
from datetime import date

from tenthman.dashboard.backtest_series import ROLLING_SESSIONS, TURNOVER_SESSIONS
from tenthman.dashboard.backtest_summary import BacktestReport, IcFacts, Values
from tenthman.dashboard.plots import AMBER, BLUE, GREY, INK, RED, TEAL, Figure, axis, curve, plain_layout

A_YEAR = 260
BAND = "rgba(178,106,0,0.13)"
CLEAR = "rgba(0,0,0,0)"
HALTED = "rgba(28,39,51,0.07)"


def backtest_charts(report: BacktestReport) -> dict[str, Figure]:
    """The figures by the id of the element that shows each; one without anything to show is left out."""
    found = {
        "chart-equity": _equity(report),
        "chart-drawdown": _drawdown(report),
        "chart-rolling": _rolling(report),
        "chart-exposure": _exposure(report),
        "chart-turnover": _turnover(report),
    }
    if report.ic is not None and len(report.ic.months) > 1:
        found["chart-ic"] = _ic(report.ic)
    return {name: figure for name, figure in found.items() if _shows(figure)}


def _shows(figure: Figure) -> bool:
    data = figure["data"]
    assert isinstance(data, list)
    return any(value is not None for drawn in data for value in drawn["y"])


def _equity(report: BacktestReport) -> Figure:
    curves, x = report.curves, report.curves.sessions
    data = []
    if _any(curves.null_low):
        data += [
            _dated("", x, curves.null_low, CLEAR, 0.0) | {"showlegend": False, "hoverinfo": "skip"},
            _dated(f"Random entries, {_level(report):.0%}", x, curves.null_high, CLEAR, 0.0)
            | {"fill": "tonexty", "fillcolor": BAND, "hoverinfo": "skip"},
            _dated("Random entries, median", x, curves.null_middle, AMBER, 1.2, "dot") | _usd("random entries"),
        ]
    data += [
        _dated(f"Index {report.index_ticker}", x, curves.index, GREY, 1.6) | _usd("index"),
        _dated("Equal weight", x, curves.equal_weight, TEAL, 1.6) | _usd("equal weight"),
        _dated("Desk, after all costs", x, curves.equity, BLUE, 2.4) | _usd("desk"),
    ]
    return {"data": data, "layout": _layout(report, ",.0f", "USD")}


def _drawdown(report: BacktestReport) -> Figure:
    below = _dated("From the highest close", report.curves.sessions, report.curves.drawdown, RED, 1.6)
    filled = {"fill": "tozeroy", "fillcolor": "rgba(179,38,30,0.10)", "hovertemplate": "%{y:.2%}<extra></extra>"}
    layout = _layout(report, ".1%") | {"height": 260}
    return {"data": [below | filled], "layout": layout}


def _rolling(report: BacktestReport) -> Figure:
    curves, hover = report.curves, {"hovertemplate": "%{y:.2f}<extra>%{fullData.name}</extra>"}
    data = [
        _dated("Equal weight", curves.sessions, curves.rolling_equal_weight, TEAL, 1.2) | hover,
        _dated(f"Desk, over {ROLLING_SESSIONS} sessions", curves.sessions, curves.rolling_sharpe, BLUE, 2.0) | hover,
    ]
    layout = _layout(report, ".1f") | {"height": 280}
    layout["yaxis"] = axis() | {"title": {"text": "a year"}, "tickformat": ".1f", "zerolinecolor": GREY}
    return {"data": data, "layout": layout}


def _exposure(report: BacktestReport) -> Figure:
    curves = report.curves
    held = _dated("Positions", curves.sessions, curves.positions, BLUE, 1.4)
    held["line"] = {"color": BLUE, "width": 1.4, "shape": "hv"}
    data = [
        _dated("Invested, share of equity", curves.sessions, curves.exposure, TEAL, 1.4)
        | {"fill": "tozeroy", "fillcolor": "rgba(47,143,127,0.12)"}
        | {"hovertemplate": "%{y:.1%}<extra>invested</extra>"},
        held | {"yaxis": "y2", "hovertemplate": "%{y}<extra>positions</extra>"},
    ]
    layout = _layout(report, ".0%") | {"height": 280}
    layout["yaxis"] = axis() | {"title": {"text": "invested"}, "tickformat": ".0%", "rangemode": "tozero"}
    most = max(curves.positions) + 1
    layout["yaxis2"] = {
        "title": {"text": "positions"},
        "overlaying": "y",
        "side": "right",
        "range": [0, most],
        "dtick": -(-most // 6),
        "showgrid": False,
    }
    return {"data": data, "layout": layout}


def _turnover(report: BacktestReport) -> Figure:
    name = f"Turnover a year, over {TURNOVER_SESSIONS} sessions"
    drawn = _dated(name, report.curves.sessions, report.curves.turnover, AMBER, 1.6)
    hover = {"hovertemplate": "%{y:.1f} times<extra>turnover</extra>"}
    layout = _layout(report, ".0f") | {"height": 240}
    ticks = {"tickformat": ".0f", "ticksuffix": "x", "rangemode": "tozero"}
    layout["yaxis"] = axis() | ticks | {"title": {"text": "a year"}}
    return {"data": [drawn | hover], "layout": layout}


def _ic(ic: IcFacts) -> Figure:
    months = [f"{item.month}-01" for item in ic.months]
    bars: Figure = {
        "type": "bar",
        "name": "Rank IC of the month",
        "x": months,
        "y": [item.rank_ic for item in ic.months],
        "marker": {"color": TEAL},
        "hovertemplate": "%{x|%b %Y}: %{y:.3f}<extra></extra>",
    }
    data = [bars]
    if ic.rank_ic.value is not None:
        data.append(curve("Mean", [months[0], months[-1]], [ic.rank_ic.value] * 2, INK, 1.2, "dash") | _ic_hover())
    layout = plain_layout() | {
        "height": 280,
        "xaxis": _dates(),
        "yaxis": axis() | {"tickformat": ".2f", "zerolinecolor": GREY},
    }
    return {"data": data, "layout": layout}


def _ic_hover() -> Figure:
    return {"hovertemplate": "%{y:.4f}<extra>mean</extra>"}


def _level(report: BacktestReport) -> float:
    return report.nulls.level if report.nulls else 0.0


def _any(values: Values) -> bool:
    return any(value is not None for value in values)


def _usd(name: str) -> Figure:
    return {"hovertemplate": f"%{{y:,.0f}} USD<extra>{name}</extra>"}


def _dated(
    name: str, x: Sequence[date], y: Sequence[float | None], color: str, width: float, dash: str = "solid"
) -> Figure:
    return curve(name, [day.isoformat() for day in x], y, color, width, dash)


def _dates() -> Figure:
    return axis() | {"type": "date", "nticks": 9, "hoverformat": "%a %d %b %Y"}


def _sessions(count: int) -> Figure:
    """A short period without its weekends; in a long one they do not show."""
    return _dates() | ({"rangebreaks": [{"bounds": ["sat", "mon"]}]} if count <= A_YEAR else {})


def _layout(report: BacktestReport, tickformat: str, title: str = "") -> Figure:
    return plain_layout() | {
        "xaxis": _sessions(report.sessions),
        "yaxis": axis() | {"tickformat": tickformat, "title": {"text": title}},
        "shapes": [_span(first, last) for first, last in _stopped(report)],
    }


def _stopped(report: BacktestReport) -> list[tuple[date, date]]:
    """From leaving ACTIVE to being re-armed, or to the end."""
    spans: list[tuple[date, date]] = []
    since: date | None = None
    for move in report.latch:
        if move.state == "active" and since is not None:
            spans.append((since, move.session))
            since = None
        elif move.state != "active" and since is None:
            since = move.session
    return [*spans, (since, report.last)] if since is not None else spans


def _span(first: date, last: date) -> Figure:
    place = {"x0": first.isoformat(), "x1": last.isoformat(), "xref": "x", "y0": 0, "y1": 1, "yref": "paper"}
    return {"type": "rect", **place, "fillcolor": HALTED, "line": {"width": 0}, "layer": "below"}
