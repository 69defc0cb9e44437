"""The report's charts as plain Plotly figures: equity against benchmarks, drawdown against its limit, holdings.

The horizontal axis counts the desk's checks, so that nights and weekends take no room; ticks name the sessions.
"""

from collections.abc import Sequence
from datetime import date

from tenthman.dashboard.plots import AMBER, BLUE, GREY, INK, RED, TEAL, Figure, axis, curve, plain_layout
from tenthman.dashboard.summary import EquityPoint, RunReport
from tenthman.domain.market import NEW_YORK

MOST_TICKS = 12


def charts(report: RunReport) -> dict[str, Figure]:
    """The figures by the id of the element that shows each: `data` and `layout` as Plotly reads them."""
    return {
        "chart-equity": _equity(report),
        "chart-drawdown": _drawdown(report),
        "chart-positions": _positions(report),
    }


def _equity(report: RunReport) -> Figure:
    points, start = report.equity, float(report.start_equity)
    closes = _last_of_sessions(points)
    known = [point for point in report.benchmarks if point.session in closes]
    x = [0, *(closes[point.session] for point in known)]
    index = [start, *(start * point.index for point in known)]
    equal = [start, *(start * point.equal_weight for point in known)]
    data = [
        curve("Desk (before regulatory fees)", range(len(points)), [float(item.equity) for item in points], BLUE, 2.4)
        | {"text": _moments(points), "hovertemplate": "%{text}<br>%{y:,.2f} USD<extra>desk</extra>"},
        curve(f"Index {report.index_ticker}", x, index, GREY, 1.6)
        | {"hovertemplate": f"%{{y:,.2f}} USD<extra>{report.index_ticker}</extra>"},
        curve("Equal weight", x, equal, TEAL, 1.6, dash="dot")
        | {"hovertemplate": "%{y:,.2f} USD<extra>equal weight</extra>"},
    ]
    return {"data": data, "layout": _layout(report, "USD", ",.0f")}


def _drawdown(report: RunReport) -> Figure:
    points = report.equity
    data = [
        curve("From the peak", range(len(points)), [-item.drawdown for item in points], RED, 2.0)
        | {
            "fill": "tozeroy",
            "fillcolor": "rgba(179,38,30,0.10)",
            "text": _moments(points),
            "hovertemplate": "%{text}<br>%{y:.2%}<extra>from the peak</extra>",
        },
        curve("From the day's start", range(len(points)), [-item.day_loss for item in points], AMBER, 1.2, dash="dot")
        | {"hovertemplate": "%{y:.2%}<extra>from the day's start</extra>"},
    ]
    layout = _layout(report, "", ".1%")
    layout["yaxis"] = {**axis(), "tickformat": ".1%", "rangemode": "tozero"}
    if report.drawdown_limit is not None:
        data.append(
            curve("Limit", [0, len(points) - 1], [-report.drawdown_limit] * 2, INK, 1.2, dash="dash")
            | {"hovertemplate": "%{y:.2%}<extra>limit</extra>"}
        )
    return {"data": data, "layout": layout}


def _positions(report: RunReport) -> Figure:
    points = report.equity
    invested = [float(item.invested / item.equity) if item.equity > 0 else 0.0 for item in points]
    data = [
        curve("Invested, share of equity", range(len(points)), invested, TEAL, 1.6)
        | {
            "fill": "tozeroy",
            "fillcolor": "rgba(47,143,127,0.12)",
            "text": _moments(points),
            "hovertemplate": "%{text}<br>%{y:.1%}<extra>invested</extra>",
        },
        curve("Positions held", range(len(points)), [item.positions for item in points], BLUE, 2.0)
        | {"yaxis": "y2", "hovertemplate": "%{y}<extra>positions</extra>"},
    ]
    data[1]["line"] = {"color": BLUE, "width": 2.0, "shape": "hv"}
    layout = _layout(report, "invested", ".0%")
    layout["yaxis2"] = {
        "title": {"text": "positions"},
        "overlaying": "y",
        "side": "right",
        "rangemode": "tozero",
        "showgrid": False,
        "dtick": 2,
    }
    return {"data": data, "layout": layout}


def _layout(report: RunReport, title: str, tickformat: str) -> dict[str, object]:
    firsts = _first_of_sessions(report.equity)
    step = -(-len(firsts) // MOST_TICKS)
    shown = list(firsts.items())[::step]
    return {
        **plain_layout(),
        "xaxis": axis()
        | {
            "tickvals": [place for _, place in shown],
            "ticktext": [f"{session:%d %b}" for session, _ in shown],
            "range": [0, max(1, len(report.equity) - 1)],
        },
        "yaxis": axis() | {"title": {"text": title}, "tickformat": tickformat},
        "shapes": [_marker(place) for place, _ in _latches(report)],
        "annotations": [
            _label(place, text, line, "left" if place < len(report.equity) / 2 else "right")
            for line, (place, text) in enumerate(_latches(report))
        ],
    }


def _latches(report: RunReport) -> list[tuple[int, str]]:
    """Where the trading state moved after the start, and to what."""
    moments = [item.at for item in report.equity]
    moved = []
    for change in report.states[1:]:
        place = next((number for number, at in enumerate(moments) if at >= change.changed_at), len(moments) - 1)
        moved.append((place, change.state))
    return moved


def _marker(place: int) -> dict[str, object]:
    line = {"color": INK, "width": 1, "dash": "dot"}
    return {"type": "line", "xref": "x", "yref": "paper", "x0": place, "x1": place, "y0": 0, "y1": 1, "line": line}


def _label(place: int, text: str, line: int, side: str) -> dict[str, object]:
    """One label below the other, beside its marker: a halt often follows within the hour."""
    where = {"x": place, "xref": "x", "y": 0.98 - 0.07 * line, "yref": "paper", "yanchor": "top", "xanchor": side}
    return {**where, "text": text, "showarrow": False, "font": {"size": 11, "color": INK}}


def _moments(points: Sequence[EquityPoint]) -> list[str]:
    return [f"{item.at.astimezone(NEW_YORK):%a %d %b %Y %H:%M} New York" for item in points]


def _first_of_sessions(points: Sequence[EquityPoint]) -> dict[date, int]:
    places: dict[date, int] = {}
    for number, point in enumerate(points):
        places.setdefault(point.session, number)
    return places


def _last_of_sessions(points: Sequence[EquityPoint]) -> dict[date, int]:
    return {point.session: number for number, point in enumerate(points)}
