"""`tenthman risk explain`: the sums of docs/risk.md for the book at hand."""

from dataclasses import asdict
from decimal import Decimal
from typing import Annotated

import typer

from tenthman.cli.options import PaperRunOption
from tenthman.cli.output import ConfigOption, JsonOption, say, show_json, show_lines, show_table
from tenthman.cli.session import start
from tenthman.config import Config
from tenthman.domain.errors import ConfigError
from tenthman.domain.money import ONE, usd
from tenthman.domain.order import Book
from tenthman.risk.arithmetic import LOST, LOST_MOST, NEAREST, REFERENCES
from tenthman.risk.explain import Explanation, Size, explain
from tenthman.risk.figures import STATES, BookFigures, figures_of
from tenthman.risk.numbers import rule_numbers
from tenthman.scheduler.account.book import empty_book
from tenthman.scheduler.clock import wall_now

app = typer.Typer(help="See which limits of risk bind a book, and why.", no_args_is_help=True)


@app.callback()
def risk() -> None:
    """What the rules of risk come to."""


@app.command("explain")
def explain_command(
    run: PaperRunOption = None,
    empty: Annotated[bool, typer.Option("--empty", help="No book: the starting cash of settings.yaml.")] = False,
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show which limit binds, how many positions fit, and what the drawdown leaves, for a run's book as last recorded.

    Without a paper run the book is empty, and equity is the starting cash of settings.yaml.
    """
    config = start(config_directory)
    if empty and run is not None:
        raise ConfigError("`--empty` is for no run: leave out --run")
    book = None if empty else _recorded(config, run)
    numbers = rule_numbers(config.risk_rules)
    figures = figures_of(book or empty_book(wall_now(), Decimal(config.settings.rehearsal.starting_cash_usd)), numbers)
    try:
        found = explain(figures)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    if as_json:
        show_json(_as_json(figures, found))
    else:
        _show(figures, found)


def _recorded(config: Config, run: str | None) -> Book | None:
    from tenthman.scheduler.account.recorded_book import recorded_book
    from tenthman.scheduler.outcomes.story import paper_run
    from tenthman.scheduler.storage import open_storage

    with open_storage(config) as pool:
        found = paper_run(pool, run)
        if found is not None:
            return recorded_book(pool, found)
    say("there is no paper run: the sums are for an empty book with the starting cash of settings.yaml")
    return None


def _as_json(book: BookFigures, found: Explanation) -> dict[str, object]:
    """Everything in fractions of equity, and equity in USD."""
    return {
        "equity_usd": usd(book.equity),
        "state": STATES[book.state].value,
        "positions": found.positions,
        "max_positions": found.max_positions,
        "all_positions_at_full_risk": found.conflict / ONE,
        "drawdown_limit": found.drawdown_limit / ONE,
        "drawdown_left": found.distance_left / ONE,
        "open_risk_bound_by": found.open_risk_rule,
        "room": [
            {"rule": item.rule, "allowed": item.allowed / ONE, "used": item.used / ONE, "free": item.free / ONE}
            for item in found.rooms
        ],
        "sizes": [
            {name: value / ONE if name in _FRACTIONS else value for name, value in asdict(item).items()}
            for item in found.sizes
        ],
    }


_FRACTIONS = frozenset({"distance", "by_risk", "position", "risk"})


def _show(book: BookFigures, found: Explanation) -> None:
    lost, limit, nearest = (book.drawdown[place] for place in (LOST, LOST_MOST, NEAREST))
    full, most = _percent(found.conflict), _percent(found.drawdown_limit)
    rows = [
        ("equity", f"{usd(book.equity):,.2f} USD, {STATES[book.state].value}"),
        ("positions", f"{found.positions} of {found.max_positions}, waiting entries counted"),
        ("if all lost their full risk", f"{full}, and the drawdown stop acts at {most}: open risk must be capped"),
        ("drawdown", f"{_percent(lost)} from {REFERENCES[nearest]}, which may lose {_percent(limit)}"),
        ("left to the nearest limit", _percent(found.distance_left)),
        ("open risk is bound by", found.open_risk_rule),
    ]
    rows += [
        (item.rule, f"{_percent(item.free)} free: {_percent(item.used)} taken of {_percent(item.allowed)}")
        for item in found.rooms
    ]
    show_table("Risk", rows)
    show_lines(["", _HEADINGS, _RULER, *(_line(item) for item in found.sizes)])


_HEADINGS = (
    "| stop distance | position by risk | position allowed | its risk "
    "| positions until open risk is used up | until gross is | fit now | bound by |"
)
_RULER = "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |"


def _line(item: Size) -> str:
    cells = [
        f"{item.distance / 10_000:g} %",
        f"{item.by_risk / 10_000:.1f} %",
        f"{item.position / 10_000:.1f} %",
        _percent(item.risk),
        str(item.until_open_risk),
        str(item.until_gross),
        str(item.fit),
        item.fit_rule,
    ]
    return f"| {' | '.join(cells)} |"


def _percent(fraction: int) -> str:
    return f"{fraction / 10_000:.2f} %"
