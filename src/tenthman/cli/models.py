"""`tenthman models`: the registry of signal models, their roles on a market, and how they hold up."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tenthman.cli.options import (
    AsOfOption,
    MarketOption,
    PackOption,
    ReasonOption,
    chosen_market,
    market_known,
    newest_close,
    person,
)
from tenthman.cli.output import ConfigOption, JsonOption, complain, show_json, show_lines
from tenthman.cli.session import start
from tenthman.cli.train import check_lines, refusal, score_lines, slope_line
from tenthman.domain.errors import ConfigError, DataMissing
from tenthman.scheduler.clock import wall_now

if TYPE_CHECKING:
    from tenthman.db.pool import Pool
    from tenthman.ml.drift import Drift
    from tenthman.ml.registry import Entry

app = typer.Typer(help="See which models there are, who proposes, and how they hold up.", no_args_is_help=True)

LONG = ("walk_forward", "metrics.baselines", "metrics.uncalibrated")
"""Differences that only JSON shows."""

OnOption = Annotated[str | None, typer.Option("--on", help="A market's id, as `models list` shows it.")]
VersionArgument = Annotated[str, typer.Argument(help="A model's version, as `models list` shows it.")]


@app.command("list")
def list_command(on: OnOption = None, config_directory: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List every model with its role, the oldest first."""
    from tenthman.scheduler.models.signal_model import registry_of
    from tenthman.scheduler.storage import open_storage

    config = start(config_directory)
    with open_storage(config) as pool:
        found = registry_of(config, pool).entries(on)
    if as_json:
        show_json([_listed(item) for item in found])
        return
    show_lines(_list_lines(found))


@app.command("show")
def show_command(version: VersionArgument, config_directory: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show what a model was made of, how it did, what it was to its market, and every look at data kept aside."""
    from tenthman.ml import roles
    from tenthman.ml.trials import looks, trials
    from tenthman.scheduler.models.signal_model import registry_of
    from tenthman.scheduler.models.trainer import gate_of
    from tenthman.scheduler.storage import open_storage

    config = start(config_directory)
    with open_storage(config) as pool:
        registry = registry_of(config, pool)
        manifest = registry.manifest(version)
        market_id = manifest["market_id"]
        told = {
            "manifest": manifest,
            "evaluation": registry.evaluation(version),
            "gate": gate_of(config, registry, version),
            "roles": [event for event in roles.role_events(pool, market_id) if event.version == version],
            "trials": trials(pool, market_id),
            "looks": looks(pool, market_id),
        }
    if as_json:
        show_json(told)
    else:
        show_lines(_shown(told))


@app.command("promote")
def promote_command(
    version: VersionArgument,
    reason: ReasonOption = "promoted by command",
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a model champion of its market, if it passes the gate; exit code 1 if it does not."""
    from tenthman.ml.promotion import passes
    from tenthman.scheduler.models.signal_model import registry_of
    from tenthman.scheduler.models.trainer import promote
    from tenthman.scheduler.storage import open_storage

    config = start(config_directory)
    with open_storage(config) as pool:
        checks = promote(config, registry_of(config, pool), version, reason, person())
    promoted = passes(checks)
    if as_json:
        show_json({"version": version, "promoted": promoted, "gate": checks})
    else:
        show_lines(check_lines(checks))
    if not promoted:
        complain(refusal(version, checks))
        raise typer.Exit(1)
    if not as_json:
        typer.echo(f"{version} is champion now")


@app.command("rollback")
def rollback_command(
    reason: ReasonOption,
    on: OnOption = None,
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give the role of champion back to the model that had it before."""
    from tenthman.ml import roles
    from tenthman.scheduler.storage import open_storage

    config = start(config_directory)
    with open_storage(config) as pool:
        market_id = on or _only_market(pool)
        change = roles.Change(reason=reason, changed_by=person(), at=wall_now())
        retired, restored = roles.rollback(pool, market_id, change)
    if as_json:
        show_json({"market_id": market_id, "retired": retired, "champion": restored})
    else:
        typer.echo(f"market {market_id}: {retired} is retired, {restored} is champion again")


@app.command("diff")
def diff_command(
    first: VersionArgument,
    second: VersionArgument,
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show in what two models differ, and how each did live where both were asked."""
    from tenthman.data.bars import BarStore
    from tenthman.scheduler.models.challenger import live_rank_ics, newest_run_of
    from tenthman.scheduler.models.signal_model import registry_of
    from tenthman.scheduler.storage import open_storage

    config = start(config_directory)
    with open_storage(config) as pool:
        registry = registry_of(config, pool)
        a, b = registry.manifest(first), registry.manifest(second)
        differences = _differences(a, b)
        run = newest_run_of(pool, first, second)
        live = {}
        if run is not None:
            panel, _ = BarStore(pool, a["market_id"]).panel_until(None)
            found = live_rank_ics(config, pool, run, panel)
            live = {version: found[version] for version in (first, second)}
    if as_json:
        show_json({"first": first, "second": second, "differences": differences, "run": run, "live": live})
        return
    show_lines(f"{name}: {one} -> {other}" for name, (one, other) in differences.items() if not name.startswith(LONG))
    if not differences:
        typer.echo("no difference")
    show_lines(
        f"live in run {run}, {version}: rank IC {_number(item.recent)} ({_number(item.low)} to {_number(item.high)}) "
        f"over {item.sessions} sessions"
        for version, item in live.items()
    )


@app.command("drift")
def drift_command(
    version: VersionArgument,
    as_of: AsOfOption = None,
    market: MarketOption = None,
    pack: PackOption = None,
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell whether a model still reads the world that it was trained on; exit code 1 if it does not."""
    from tenthman.scheduler.models.drift import drift_of, require_after_training
    from tenthman.scheduler.models.signal_model import registry_of
    from tenthman.scheduler.storage import open_storage

    config = start(config_directory)
    named = chosen_market(config, market, pack)
    at = as_of or newest_close(named)
    with open_storage(config) as pool:
        registry = registry_of(config, pool)
        model, manifest = registry.load(version), registry.manifest(version)
        known = market_known(config, pool, named, at)
        if known.market_id != manifest["market_id"]:
            raise ConfigError(
                f"model {version} is of market {manifest['market_id']}, {known.headline} is {known.market_id}: name "
                "the model's own with --market or --pack"
            )
        view = known.history.serve(at)
        require_after_training(manifest, view)
        found = drift_of(config, model, manifest, view)
    if as_json:
        show_json({"version": version, "as_of": at, "drift": found})
    else:
        show_lines(_drift_lines(found))
    if found.alerts:
        raise typer.Exit(1)


def _list_lines(found: "tuple[Entry, ...]") -> Iterator[str]:
    yield f"{'version':<18}{'role':<12}{'market':<14}{'trained until':<15}{'expires':<12}{'rank IC':>8}{'trials':>8}"
    for item in found:
        told = {name: "" if value is None else value for name, value in _listed(item).items()}
        rank_ic = told["rank_ic"] if isinstance(told["rank_ic"], str) else f"{told['rank_ic']:+.4f}"
        yield (
            f"{item.version:<18}{told['role']:<12}{item.market_id:<14}{item.trained_until!s:<15}"
            f"{told['expires']:<12}{rank_ic:>8}{told['trials_so_far']!s:>8}"
        )
        if item.flaw is not None:
            yield f"  NOT TO BE USED: {item.flaw}"


def _listed(item: "Entry") -> dict[str, Any]:
    return {
        "version": item.version,
        "role": item.role,
        "market_id": item.market_id,
        "trained_until": item.trained_until,
        "trained_at": item.trained_at,
        "expires": item.manifest.get("expires"),
        "rank_ic": item.manifest.get("metrics", {}).get("rank_ic"),
        "trials_so_far": item.manifest.get("trials_so_far"),
        "flaw": item.flaw,
    }


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:+.4f}"


def _shown(told: Mapping[str, Any]) -> Iterator[str]:
    from tenthman.ml.cluster_training import SPREAD_ON

    manifest, evaluation = told["manifest"], told["evaluation"]
    names = ("version", "market_id", "data_hash", "feature_set_hash", "config_hash", "artefact_sha256")
    yield from (f"{name}: {manifest[name]}" for name in names)
    yield f"code: {', '.join(manifest['code'])}"
    yield f"trained until {manifest['trained_until']}, expires after {manifest['expires']}, seeds {manifest['seeds']}"
    yield f"features: {', '.join(manifest['feature_names'])}"
    yield f"trials on the market: {manifest['trials_so_far']} then, {told['trials'].n} now"
    metrics = manifest["metrics"]
    yield "scores of the rows kept for validation:"
    yield from score_lines({"model": metrics["calibrated"], **metrics["baselines"]}, ("model", *metrics["baselines"]))
    if evaluation is None and manifest["inputs"].get("grown_on") == SPREAD_ON:
        yield "not judged by walk-forward, for which all rows must be in one place; theirs were with the workers"
    elif evaluation is None:
        yield "not judged by walk-forward yet: `tenthman train` on the same period does so"
    else:
        judged = evaluation["walk_forward"]
        yield f"scores out of fold, {len(judged['folds'])} folds:"
        yield from score_lines(judged)
        yield slope_line([fold["slope"] for fold in judged["folds"]], metrics["slope"])
    yield "gate of promotion:"
    yield from check_lines(told["gate"])
    yield from (
        f"{event.changed_at:%Y-%m-%d %H:%M} {event.role.value} ({event.changed_by}): {event.reason}"
        for event in told["roles"]
    )
    yield f"looks at data kept out of sample on this market: {len(told['looks'])}"
    yield from (
        f"  {look.at:%Y-%m-%d %H:%M} {look.period.first} to {look.period.last}: {look.key}" for look in told["looks"]
    )


def _only_market(pool: "Pool") -> str:
    """The market with a champion, if there is just one."""
    from tenthman.ml import roles

    found = roles.markets_with_champion(pool)
    if not found:
        raise DataMissing("no model was ever champion: there is nothing to roll back")
    if len(found) > 1:
        raise ConfigError(f"`--on` must name one of the markets with a champion: {', '.join(found)}")
    return found[0]


def _differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Leaves that are not the same, by dotted name; deciles are left out."""
    left, right = dict(_leaves("", a)), dict(_leaves("", b))
    names = sorted({*left, *right})
    return {name: (left.get(name), right.get(name)) for name in names if left.get(name) != right.get(name)}


def _leaves(prefix: str, value: object) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name != "deciles":
                yield from _leaves(f"{prefix}.{name}" if prefix else name, inner)
    else:
        yield prefix, value


def _drift_lines(found: "Drift") -> Iterator[str]:
    for title, group in (("what the model reads", found.features), ("behind it (no bound)", found.behind)):
        yield f"{title}: population stability index of the recent sessions against training"
        for item in group:
            missing = f"missing {item.missing_trained:.1%} -> {item.missing_recent:.1%}"
            yield f"  {item.feature:<32} {item.psi:.4f}  {missing}"
    decay = found.rank_ic
    yield (
        f"rank IC: {_number(decay.recent)} ({_number(decay.low)} to {_number(decay.high)}) over {decay.sessions} "
        f"sessions after training, {_number(decay.validation)} in validation"
    )
    yield from (f"ALERT {item}" for item in found.alerts)
    if not found.alerts:
        yield "no drift beyond the bounds"
