"""`tenthman train`: a signal model by command, judged beside its baselines, kept, and promoted past the gate."""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from statistics import mean, stdev
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tenthman.cli.display import StageDisplay, open_progress
from tenthman.cli.options import DAY, MarketOption, PackOption, chosen_market, day, market_known, person
from tenthman.cli.output import ConfigOption, JsonOption, complain, say, show_json, show_lines
from tenthman.cli.session import start
from tenthman.domain.errors import ConfigError
from tenthman.scheduler.clock import wall_now

if TYPE_CHECKING:
    from tenthman.domain.market import MarketData
    from tenthman.ml.manifest import Manifest
    from tenthman.ml.promotion import GateCheck
    from tenthman.ml.tuning import Trial, Tuned
    from tenthman.scheduler.gathering.known import KnownMarket
    from tenthman.scheduler.models.spread import Spread
    from tenthman.scheduler.models.trainer import Span, Trained


class TrainingDisplay(StageDisplay):
    """The live progress of a training: its trials."""

    def trial(self, trial: "Trial", total: int) -> None:
        """A trial of the tuning is done."""
        best = "none yet" if trial.best_value is None else f"{trial.best_value:+.4f}"
        how = "given up early" if trial.pruned else f"{trial.value:+.4f}"
        status = f"trial {trial.number} of {total}: {how}, best {best}"
        self._progress.update(self._task, status=status, total=total, completed=trial.number)
        if not self._interactive:
            say(status)


LearntFromOption = Annotated[
    date | None, typer.Option("--from", parser=day, metavar=DAY, help="First session to learn from.")
]
LearntUntilOption = Annotated[
    date | None,
    typer.Option("--until", "--to", parser=day, metavar=DAY, help="Last session; nothing after it is touched."),
]


class Rows(StrEnum):
    """Where the rows of a training are made and kept."""

    HERE = "here"
    SPREAD = "spread"


RowsOption = Annotated[
    Rows,
    typer.Option(
        help="With `spread`, workers of `--cluster` make the features and keep them: for rows beyond this machine."
    ),
]
ClusterOption = Annotated[
    str | None,
    typer.Option(help="Grow the trees on the Dask cluster whose scheduler is at tcp://host:port; see docs/scale.md."),
]


def train_command(
    first: LearntFromOption = None,
    last: LearntUntilOption = None,
    tune: Annotated[int | None, typer.Option(min=1, help="Try so many settings first, and take the best.")] = None,
    market: MarketOption = None,
    pack: PackOption = None,
    cluster: ClusterOption = None,
    rows: RowsOption = Rows.HERE,
    promote: Annotated[bool, typer.Option("--promote", help="Make it champion if it passes the gate.")] = False,
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a signal model, judge it beside its baselines, and keep it; training again on the same finds it again."""
    from tenthman.scheduler.models.signal_model import registry_of
    from tenthman.scheduler.models.spread import train_spread
    from tenthman.scheduler.models.trainer import promote as promote_model
    from tenthman.scheduler.models.trainer import span_of, train_market
    from tenthman.scheduler.storage import open_storage

    config = start(config_directory)
    spread_on = None if rows is Rows.HERE else _spreadable(cluster, tune, promote)
    if cluster is not None:
        _require_cluster(cluster, rows)
    named = chosen_market(config, market, pack)
    span = None if named is None else span_of(_sessions(named), first, last, config)
    with open_storage(config) as pool:
        known = market_known(config, pool, named, wall_now() if span is None else _next_morning(span.last))
        span = span or span_of(_stored_sessions(known), first, last, config)
        say(f"{known.headline}, {span.first} to {span.last}, {span.count} sessions")
        if spread_on is not None:
            with open_progress() as progress:
                display = TrainingDisplay(progress)
                spread = train_spread(
                    config, pool, known, span, whole=first is None, watcher=display, cluster=spread_on
                )
            _report_spread(known, span, spread, as_json)
            return
        with open_progress() as progress:
            display = TrainingDisplay(progress)
            done = train_market(
                config,
                pool,
                known,
                span,
                whole=first is None,
                tune_trials=tune,
                watcher=display,
                cluster=cluster,
            )
        if promote:
            promote_model(config, registry_of(config, pool), done.version, "trained and promoted", person())
    _report(known, span, done, promote, as_json)


def _report(known: "KnownMarket", span: "Span", done: "Trained", promote: bool, as_json: bool) -> None:
    """Show what was trained; exit code 1 when it was to be promoted and the gate stayed shut."""
    from tenthman.ml.promotion import passes

    promoted = promote and passes(done.checks)
    if as_json:
        show_json(_told(known, span, done, promoted))
    else:
        _show(done, promoted)
    if promote and not promoted:
        complain(refusal(done.version, done.checks))
        raise typer.Exit(1)


def _spreadable(cluster: str | None, tune: int | None, promote: bool) -> str:
    """The cluster that keeps the rows; ConfigError without one, and with what needs all rows in one place."""
    if cluster is None:
        raise ConfigError("`--rows spread` needs `--cluster tcp://host:port`, whose workers make and keep the rows")
    if tune is not None or promote:
        wanted = "--promote" if tune is None else "--tune"
        raise ConfigError(
            f"`{wanted}` judges by walk-forward, for which all rows must be here: it cannot go with `--rows spread`"
        )
    return cluster


def _require_cluster(cluster: str, rows: Rows) -> None:
    """Its workers are there and run this code: told before anything is read or computed."""
    from tenthman.ml.cluster import ROOMS, require_cluster
    from tenthman.scheduler.models.spread import WORKING_ROOMS

    require_cluster(cluster, ROOMS if rows is Rows.HERE else WORKING_ROOMS)


def _report_spread(known: "KnownMarket", span: "Span", done: "Spread", as_json: bool) -> None:
    metrics = done.manifest["metrics"]
    if as_json:
        show_json(
            {
                **_of_model(known, span, done),
                "shortfalls": done.manifest["shortfalls"],
                "evaluation": None,
            }
        )
        return
    state = "was there already" if done.known_before else f"trained on {metrics['train_rows']:,} rows by the workers"
    scores = {"model": metrics["calibrated"], **metrics["baselines"]}
    show_lines([f"{done.version} ({state}), on {metrics['validation_rows']:,} rows kept for validation:"])
    show_lines(score_lines(scores, tuple(scores)))
    show_lines(done.manifest["shortfalls"])
    show_lines(
        (
            f"expires after {done.manifest['expires']}",
            "not judged by walk-forward, so the gate of promotion stays shut: it is kept as a challenger",
        )
    )


def refusal(version: str, checks: "tuple[GateCheck, ...]") -> str:
    """One sentence on why the gate stayed shut."""
    failed = "; ".join(f"{item.rule} {item.observed}, must be {item.limit}" for item in checks if not item.passed)
    return f"model {version} was not promoted: {failed}"


def check_lines(checks: "tuple[GateCheck, ...]") -> Iterator[str]:
    """The gate, a line a check."""
    for item in checks:
        yield f"  {'pass' if item.passed else 'FAIL'}  {item.rule:<20} {item.observed:<14} {item.limit}"


def score_lines(scores: Mapping[str, Any], names: Sequence[str] = ("model", "linear", "prior")) -> Iterator[str]:
    """A table of scores: log loss, Brier score, calibration error, accuracy, and rank IC with its interval."""
    yield f"  {'':<12}{'log loss':>9}{'Brier':>8}{'ECE':>8}{'accuracy':>10}  rank IC (95 % interval)"
    for name in names:
        found = scores[name]
        loss = "infinite" if found["mlogloss"] is None else f"{found['mlogloss']:.4f}"
        said = _rank_ic(found["rank_ic"])
        yield f"  {name:<12}{loss:>9}{found['brier']:>8.4f}{found['ece']:>8.4f}{found['accuracy']:>10.2%}  {said}"


def _rank_ic(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "none"
    if found["low"] is None:
        return f"{found['mean']:+.4f}"
    return f"{found['mean']:+.4f} ({found['low']:+.4f} to {found['high']:+.4f})"


def slope_line(folds: Sequence[float], model: float) -> str:
    """The slopes of the calibration: the model's, and the folds' mean with its standard error, which no bound reads."""
    count = "1 fold" if len(folds) == 1 else f"{len(folds)} folds"
    line = f"slope of the calibration: {model:.2f}, over {count} {mean(folds):.2f}"
    if len(folds) < 2:
        return line
    return f"{line} (standard error {stdev(folds) / math.sqrt(len(folds)):.2f}; folds share rows, so rather more)"


def no_better(evaluation: "Manifest") -> list[str]:
    """In what the model is no better, out of fold, than what does without trees."""
    judged, found = evaluation["walk_forward"]["model"], []
    for name in ("linear", "prior"):
        other = evaluation["walk_forward"][name]
        if _loss(judged) >= _loss(other):
            found.append(f"log loss no better than {name}: {_loss(judged):.4f} against {_loss(other):.4f}")
    mine, theirs = judged["rank_ic"], evaluation["walk_forward"]["linear"]["rank_ic"]
    if mine is None or mine["low"] is None or mine["low"] <= 0.0:
        found.append("rank IC not told from none: the lower end of its interval is not above 0")
    if mine is not None and theirs is not None and mine["mean"] <= theirs["mean"]:
        found.append(f"rank IC no better than linear: {mine['mean']:+.4f} against {theirs['mean']:+.4f}")
    return found


def _loss(scores: dict[str, Any]) -> float:
    return float("inf") if scores["mlogloss"] is None else float(scores["mlogloss"])


def _of_model(known: "KnownMarket", span: "Span", done: "Trained | Spread") -> dict[str, Any]:
    """What is told of every model: whose it is, of what, and how it did on its own rows."""
    return {
        "version": done.version,
        "known_before": done.known_before,
        "market": known.headline,
        "market_id": known.market_id,
        "first": span.first,
        "last": span.last,
        "sessions": span.count,
        "expires": done.manifest["expires"],
        "metrics": done.manifest["metrics"],
    }


def _told(known: "KnownMarket", span: "Span", done: "Trained", promoted: bool) -> dict[str, Any]:
    from tenthman.scheduler.models.trainer import deflated

    return {
        **_of_model(known, span, done),
        "evaluation": done.evaluation,
        "no_better": no_better(done.evaluation),
        "trials": done.trials.n,
        "deflated_sharpe": deflated(done.evaluation, done.trials),
        "gate": done.checks,
        "promoted": promoted,
        "tuned": None if done.tuned is None else _tuned(done.tuned),
    }


def _show(done: "Trained", promoted: bool) -> None:
    state = "was there already" if done.known_before else "trained"
    show_lines([f"{done.version} ({state}), out of fold:", *score_lines(done.evaluation["walk_forward"])])
    show_lines(_lines(done, promoted))


def _lines(done: "Trained", promoted: bool) -> Iterator[str]:
    from tenthman.scheduler.models.trainer import deflated

    for number, fold in enumerate(done.evaluation["walk_forward"]["folds"], start=1):
        said = _rank_ic(fold["model"]["rank_ic"])
        yield f"fold {number}: {fold['first_session']} to {fold['last_session']}, rank IC {said}"
    metrics = done.manifest["metrics"]
    mine, hold = (scores["accuracy"] for scores in (metrics["calibrated"], metrics["baselines"]["always_hold"]))
    yield f"accuracy on the rows kept for validation: model {mine:.2%}, always HOLD {hold:.2%}"
    if done.tuned is not None:
        chosen = ", ".join(f"{name} {value:.4g}" for name, value in _tuned(done.tuned)["settings"].items())
        yield f"tuned on these very folds, so that their figures flatter it: {chosen}"
    yield slope_line([fold["slope"] for fold in done.evaluation["walk_forward"]["folds"]], metrics["slope"])
    chance = deflated(done.evaluation, done.trials)
    told = "not measured" if chance is None else f"{chance:.1%}, the probability that the true ratio exceeds"
    yield f"deflated Sharpe on paper: {told}{'' if chance is None else f' the best expected of {done.trials.n} trials'}"
    yield f"expires after {done.manifest['expires']}"
    weak = no_better(done.evaluation)
    if weak:
        yield "NO BETTER than what does without trees:"
        yield from (f"  {item}" for item in weak)
    yield "gate of promotion:"
    yield from check_lines(done.checks)
    if promoted:
        yield f"{done.version} is champion now"


def _tuned(tuned: "Tuned") -> dict[str, Any]:
    settings = tuned.settings.model_dump()
    return {
        "trials": tuned.trials_total,
        "best_value": tuned.best_value,
        "settings": {name: settings[name] for name in tuned.trials[0].parameters},
        "importances": dict(tuned.importances),
    }


def _sessions(market: "MarketData") -> list[date]:
    days: list[date] = market.panel.sessions.tolist()
    return days


def _stored_sessions(known: "KnownMarket") -> list[date]:
    days: list[date] = known.history.serve(wall_now()).panel.sessions.tolist()
    return days


def _next_morning(last: date) -> datetime:
    from tenthman.scheduler.models.trainer import start_after

    return start_after(last)
