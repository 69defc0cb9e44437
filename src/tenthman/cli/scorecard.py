"""`tenthman scorecard`: what each critic was worth, by model and prompt version."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from tenthman.cli.options import run_named
from tenthman.cli.output import ConfigOption, JsonOption, counted, headed_table, results, show_json, show_lines
from tenthman.cli.session import start
from tenthman.domain.errors import ConfigError

if TYPE_CHECKING:
    from tenthman.scheduler.outcomes.scorecard import Scorecard
    from tenthman.scheduler.outcomes.worth import AgentKey, Card

SHORT = 8
"""Characters of a hash that a table shows."""

COLUMNS = ("critic", "prompts", "asked", "answered", "vetoes", "measured", "value added", "Brier", "seconds")


def scorecard_command(
    run: Annotated[
        str | None,
        typer.Option(callback=run_named, help="A run's id; without it the newest that put an entry to critics."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All runs together.")] = False,
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what each critic was worth: value added with an interval, calibration, agreement, failures, time, tokens."""
    from tenthman.scheduler.outcomes.scorecard import scorecard
    from tenthman.scheduler.storage import open_storage

    if run is not None and every:
        raise ConfigError("`--all` takes every run; leave out --run")
    config = start(config_directory)
    with open_storage(config) as pool:
        found = scorecard(config, pool, run, every_run=every)
    if as_json:
        show_json(found)
        return
    _show(found)


def _show(found: "Scorecard") -> None:
    runs = found.runs[0] if len(found.runs) == 1 else f"{len(found.runs)} runs"
    told = f"{found.entries} entries put to critics; value added in basis points of an entry's notional"
    table = headed_table(f"{runs}: {told}")
    for name in COLUMNS:
        table.add_column(name, justify="left" if name in COLUMNS[:2] else "right", overflow="fold")
    for card in found.cards:
        table.add_row(*_cells(card))
    results.print(table)
    show_lines(_lines(found))


def _cells(card: "Card") -> tuple[str, ...]:
    key, value = card.key, card.worth.value_bp
    interval = "too few" if math.isnan(value.low) else f"{value.low:+z.0f} to {value.high:+z.0f}"
    return (
        f"{key.role}{'' if card.binding else '*'}",
        key.template_hash[:SHORT] or "-",
        str(card.asked),
        str(card.answered),
        "-" if math.isnan(card.veto_rate) else f"{card.veto_rate:.0%}",
        str(card.worth.measured),
        "-" if math.isnan(value.estimate) else f"{value.estimate:+z.0f} ({interval})",
        _number(card.calibration.brier),
        _number(card.seconds_median),
    )


def _lines(found: "Scorecard") -> Iterator[str]:
    for card in found.cards:
        worth, bins = card.worth, card.calibration.bins
        yield (
            f"{_name(card.key)} by {card.key.model or 'no model'}: {counted(card.states)}; "
            f"took from {worth.measured} entries that ended, "
            f"{worth.never_filled} that never filled, {worth.still_open} still open; "
            f"{worth.usd:+z,.2f} USD, {_signed(worth.equity_bp)} bp of equity; "
            f"p95 {_number(card.seconds_p95)} s, {card.prompt_tokens} + {card.reply_tokens} tokens"
        )
        if bins:
            told = ", ".join(f"{item.said:.0%} said {item.came:.0%} came ({item.number})" for item in bins)
            yield f"  chance of a loss, said and came: {told}"
            yield (
                f"  {card.calibration.lost:.0%} of {card.calibration.number} lost; who says that each time has a Brier "
                f"score of {_number(card.calibration.brier_of_share)}"
            )
    for pair in found.agreements:
        yield (
            f"{_name(pair.first)} and {_name(pair.second)} agree on {pair.share:.0%} of {pair.number} entries "
            f"(kappa {_signed(pair.kappa)})"
        )
    yield (
        f"confidence intervals at {found.level:.0%}, by resampling sessions; above zero a critic kept losses away, "
        "below it cost gains; * advisory"
    )
    if found.otherwise:
        yield (
            f"{len(found.otherwise)} of {len(found.runs)} runs had other settings: entries are followed at the costs, "
            "dividends and stops that are configured now"
        )
    yield (
        "Brier: mean squared miss of the chance of a loss, 0 best, 0.25 for who never takes sides; a veto or shrink at "
        "80 % confidence says 90 %, an approval at 80 % says 10 %, either at 0 % says 50 %"
    )


def _name(key: "AgentKey") -> str:
    return f"{key.role} {key.template_hash[:SHORT]}".strip()


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}"


def _signed(value: float) -> str:
    return "undefined" if math.isnan(value) else f"{value:+z.2f}"
