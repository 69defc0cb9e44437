"""Pieces of Plotly figures that all our charts share: colours, a curve, an axis, a layout."""

from collections.abc import Sequence

INK, GRID = "#1c2733", "#e3e7eb"
BLUE, GREY, TEAL, RED, AMBER = "#1f5fa8", "#7b8794", "#2f8f7f", "#b3261e", "#b26a00"

Figure = dict[str, object]


def curve(
    name: str, x: Sequence[object], y: Sequence[float | None], color: str, width: float, dash: str = "solid"
) -> Figure:
    """A line through the points (x, y), broken where y is None."""
    drawn = {"color": color, "width": width, "dash": dash}
    return {"type": "scatter", "mode": "lines", "name": name, "x": list(x), "y": list(y), "line": drawn}


def axis() -> Figure:
    """An axis in the colours of the page."""
    return {"gridcolor": GRID, "zerolinecolor": GRID, "linecolor": GRID}


def plain_layout() -> Figure:
    """Size, margins, font and legend of every chart."""
    return {
        "height": 340,
        "margin": {"l": 72, "r": 56, "t": 34, "b": 44},
        "paper_bgcolor": "#ffffff",
        "plot_bgcolor": "#ffffff",
        "font": {"family": "system-ui, Segoe UI, Roboto, Helvetica, Arial, sans-serif", "size": 12, "color": INK},
        "hovermode": "x",
        "legend": {"orientation": "h", "x": 0, "y": 1.12},
    }
