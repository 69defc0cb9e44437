"""`tenthman control`: how often the project's own claim of an edge is right, on markets whose truth is known."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tenthman.cli.options import MOST_NULLS, JobsOption, require_jobs
from tenthman.cli.output import ConfigOption, JsonOption, say, show_json, show_lines
from tenthman.cli.session import start
from tenthman.domain.errors import ConfigError, SetupError

if TYPE_CHECKING:
    from tenthman.backtest.control import ControlSettings
    from tenthman.backtest.control_outcomes import Outcome, Rate, Summary

_STANDARD_SESSIONS = 1258
_MOST_MARKETS = 1_000_000


def control_command(
    markets: Annotated[int, typer.Option(help="Markets of each truth.")] = 200,
    truth: Annotated[Literal["null", "planted", "both"], typer.Option(help="Which truths.")] = "both",
    sessions: Annotated[int, typer.Option(help="Sessions traded, the last of each market.")] = 504,
    market_sessions: Annotated[int, typer.Option(help="Sessions of a market, history included.")] = _STANDARD_SESSIONS,
    strength: Annotated[float, typer.Option(help="Multiplies the planted edge, above 0 to 10.")] = 1.0,
    nulls: Annotated[int, typer.Option(help="Random-entry runs beside each market.")] = 199,
    first_seed: Annotated[int, typer.Option(help="Seed of the first market; the others follow.")] = 1000,
    jobs: JobsOption = -1,
    folder: Annotated[
        Path | None, typer.Option(help="Where outcomes are kept.", show_default="TENTHMAN_HOME/control")
    ] = None,
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Examine seeded practice markets, null and planted, and say how often an edge was claimed on each.

    A run that was cut off goes on where it was; the outcomes of other settings are left alone.
    """
    from tenthman.backtest.control import ControlSettings, run_control, study_key
    from tenthman.backtest.control_outcomes import summarise
    from tenthman.domain.canonical import plain

    require_jobs(jobs)
    _require_bounds(markets, nulls, strength, first_seed, market_sessions)
    try:
        settings = ControlSettings(
            markets=markets,
            truth=truth,
            first_seed=first_seed,
            market_sessions=market_sessions,
            sessions=sessions,
            strength=strength,
            nulls=nulls,
        )
    except ValueError as error:
        raise ConfigError(str(error)) from None
    config = start(config_directory)
    place = folder or config.home / "control"
    begun = time.perf_counter()
    outcomes = run_control(config, settings, place, jobs, _say_outcome)
    summaries = summarise(outcomes, settings.alpha)
    lines = table(settings, summaries)
    written = _write(place / f"{study_key(config, settings)}.md", lines)
    say(f"{time.perf_counter() - begun:.0f} s; written to {written}")
    if as_json:
        show_json({"settings": plain(settings), "summaries": summaries, "outcomes": outcomes})
    else:
        show_lines(lines)


def _require_bounds(markets: int, nulls: int, strength: float, first_seed: int, market_sessions: int) -> None:
    if markets > _MOST_MARKETS:
        raise ConfigError(f"`--markets` must be at most {_MOST_MARKETS:,}, was {markets}")
    if nulls > MOST_NULLS:
        raise ConfigError(f"`--nulls` must be at most {MOST_NULLS:,}, was {nulls}")
    if not 0.0 < strength <= 10.0:
        raise ConfigError(f"`--strength` must be above 0 and at most 10, was {strength}")
    if first_seed < 0 or market_sessions > _STANDARD_SESSIONS:
        raise ConfigError(
            f"`--first-seed` must be at least 0 and `--market-sessions` at most {_STANDARD_SESSIONS}, were "
            f"{first_seed} and {market_sessions}"
        )


def _write(path: Path, lines: list[str]) -> Path:
    try:
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as error:
        raise SetupError(f"{path}: cannot be written: {error.strerror}") from None
    return path


def table(settings: "ControlSettings", summaries: "tuple[Summary, ...]") -> list[str]:
    """The result as a Markdown table: a column for each truth."""
    from tenthman.backtest.control_outcomes import too_many_false_claims

    last, alpha = settings.first_seed + settings.markets - 1, settings.alpha
    stated = (
        f"Seeds {settings.first_seed} to {last}; {settings.market_sessions} sessions a market, the last "
        f"{settings.sessions} traded; planted edge x {settings.strength:g}; {settings.nulls} random runs a market; "
        f"stated rate of false claims: at most {alpha:.0%}."
    )
    lines = [
        stated,
        "",
        "| | " + " | ".join(item.truth for item in summaries) + " |",
        "|---|" + "---|" * len(summaries),
        *(f"| {name} | " + " | ".join(values) + " |" for name, values in _rows(settings, summaries)),
    ]
    for item in summaries:
        if item.truth == "null":
            chance = too_many_false_claims(item, alpha)
            lines += [
                "",
                f"If false claims came at {alpha:.0%}, so many or more would be seen with chance {chance:.2g}.",
            ]
    return lines


def _rows(settings: "ControlSettings", summaries: "tuple[Summary, ...]") -> list[tuple[str, list[str]]]:
    """What the table shows, line by line: a cell for each truth."""
    alpha, level = settings.alpha, settings.level
    return [
        ("markets", [str(item.claims.of) for item in summaries]),
        ("**an edge is claimed**", [_rate(item.claims) for item in summaries]),
        (f"rank IC above zero, p <= {alpha:g}", [_rate(item.rank_ic_test) for item in summaries]),
        (f"better than random entries, p <= {alpha:g}", [_rate(item.nulls_test) for item in summaries]),
        ("fewer than 100 closed trades", [str(item.too_few_trades) for item in summaries]),
        (f"**{level:.0%} interval of the rank IC holds the truth**", [_rate(item.covered) for item in summaries]),
        ("rank IC, mean estimate", [f"{item.rank_ic:+.4f}" for item in summaries]),
        ("rank IC, mean truth", [f"{item.true_rank_ic:+.4f}" for item in summaries]),
        ("rank IC of the answer key itself", [f"{item.oracle_rank_ic:+.4f}" for item in summaries]),
        ("estimate less truth, standard deviation", [f"{item.spread:.4f}" for item in summaries]),
        (f"half width of the {level:.0%} interval, mean", [f"{item.half_width:.4f}" for item in summaries]),
        ("net Sharpe ratio, mean", [f"{item.sharpe:+.2f}" for item in summaries]),
        ("of the median random run, mean", [f"{item.null_sharpe:+.2f}" for item in summaries]),
        ("of equal weight, mean", [f"{item.equal_weight_sharpe:+.2f}" for item in summaries]),
        ("excess over equal weight a year, mean", [f"{item.excess:+.1%}" for item in summaries]),
        ("closed trades, mean", [f"{item.closed_trades:.0f}" for item in summaries]),
        ("exposure, mean", [f"{item.exposure:.0%}" for item in summaries]),
        ("seconds a market", [f"{item.seconds:.1f}" for item in summaries]),
    ]


def _rate(rate: "Rate") -> str:
    return f"{rate.hits} of {rate.of}: {rate.share:.1%} ({rate.low:.1%} to {rate.high:.1%})"


def _say_outcome(done: int, total: int, found: "Outcome") -> None:
    verdict = "an edge is claimed" if found.claimed else "no claim"
    say(
        f"{done}/{total} {found.truth} {found.seed}: rank IC {found.rank_ic:+.3f} (true {found.true_rank_ic:+.3f}), "
        f"p {found.rank_ic_p:.3f} and {found.nulls_p:.3f}, {found.closed_trades} trades, {verdict}; "
        f"{found.seconds:.0f} s"
    )
