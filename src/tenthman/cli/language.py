"""`tenthman models exam`, `tenthman models bench` and `tenthman prompts check`: what a language model is good for."""

import os
import platform
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from pydantic import ValidationError

from tenthman.cli.display import open_progress, require_place
from tenthman.cli.output import ConfigOption, JsonOption, complain, say, show_json, show_lines
from tenthman.cli.session import start
from tenthman.config import Config, LanguageModelSettings, with_sections
from tenthman.domain.errors import ConfigError, SetupError
from tenthman.scheduler.clock import wall_now

if TYPE_CHECKING:
    from tenthman.agents.exam import ExamResult
    from tenthman.agents.exam_marks import Marks
    from tenthman.agents.llm_interface import LanguageModel
    from tenthman.agents.prompt_check import Check
    from tenthman.db.pool import Pool

prompts = typer.Typer(
    help="Hold the prompts of the committee's agents against their accepted run.", no_args_is_help=True
)

BackendOption = Annotated[
    Literal["embedded", "ollama", "openai"] | None,
    typer.Option(help="Where the model runs; as configured without it."),
]
ModelOption = Annotated[str | None, typer.Option(help="The model's name; as configured without it.")]
MaskOption = Annotated[
    bool | None,
    typer.Option("--mask/--no-mask", help="Whether names and dates are put as tokens; as configured without it."),
]
BaseUrlOption = Annotated[str | None, typer.Option(help="The server's address; as configured without it.")]


@contextmanager
def _examined(config: Config) -> "Iterator[tuple[Pool, LanguageModel, ExamResult]]":
    """The model of `config` after it has answered every case; replies are played from the tape where it has them."""
    from tenthman.agents.exam import examine_whole
    from tenthman.agents.llm_interface import open_language_model
    from tenthman.agents.tape import taped
    from tenthman.scheduler.storage import open_storage

    if not config.agents.roles.committee.enabled:
        raise ConfigError("`roles.committee.enabled` in agents.yaml must be true: it is the committee that is examined")
    with (
        open_storage(config) as pool,
        open_language_model(config.models.language, config.home, config.agents.roles) as model,
        open_progress() as progress,
    ):
        task = progress.add_task("", total=None, status="asking")
        result = examine_whole(
            taped(model.ask, pool, model.digest),
            model.name,
            model.digest,
            config.agents,
            prose=model.prose,
            told=lambda done, of: progress.update(task, total=of, completed=done, status="asking five agents a case"),
        )
        if result.disturbed:
            raise SetupError(
                f"{model.name} could not be reached, or not in time, after {result.sat} of {result.cases} cases: no "
                "result; run the command again, it goes on from there"
            )
        yield pool, model, result


def exam_command(
    backend: BackendOption = None,
    model: ModelOption = None,
    base_url: BaseUrlOption = None,
    mask: MaskOption = None,
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put every fixed case to a language model, beside the rules critic and a coin; decides whether its veto binds."""
    from tenthman.agents.exam import keep, unlike_the_other

    config = asked_of(start(config_directory), backend, model, base_url)
    if mask is not None:
        config = masking(config, mask=mask)
    with _examined(config) as (pool, examined, result):
        keep(pool, examined, config.agents, result, wall_now())
        moved = unlike_the_other(pool, examined, config.agents, result)
    if as_json:
        show_json(
            {
                "model": result.model,
                "model_digest": result.digest,
                "masked": config.agents.mask,
                "standing": "binding" if result.passed else "advisory",
                "failed": result.failed,
                "better_than_rules": result.better_than_rules,
                "cases": result.cases,
                "marks": {name: _told(marks) for name, marks in _candidates(result)},
                "answers": {paper.name: paper.answer for paper in result.papers},
                "otherwise_than_plain" if config.agents.mask else "otherwise_than_masked": moved,
            }
        )
        return
    show_lines(_exam_lines(result))
    if config.agents.mask:
        typer.echo("names and dates were masked: this is another examination than that of plain cases")
    show_lines(_moved_lines(moved, result.sat, masked=config.agents.mask))


def bench_command(
    backend: BackendOption = None,
    model: ModelOption = None,
    base_url: BaseUrlOption = None,
    cases: Annotated[int, typer.Option(min=1, max=10_000, help="How many cases five agents are asked about.")] = 100,
    out: Annotated[Path | None, typer.Option(help="Where to write the page; TENTHMAN_HOME/reports without it.")] = None,
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure a language model on this machine: valid answers, context, seconds, tokens; writes a page to keep."""
    from tenthman.agents.bench import measure
    from tenthman.agents.bench_page import Surroundings, page
    from tenthman.agents.llm_interface import open_language_model

    config = asked_of(start(config_directory), backend, model, base_url)
    language = config.models.language
    place = out or config.home / "reports" / f"model-{re.sub(r'[^A-Za-z0-9.-]+', '-', Path(language.model).name)}.md"
    require_place(place)
    load = os.getloadavg()[0]
    with open_language_model(language, config.home, config.agents.roles) as opened, open_progress() as progress:
        task = progress.add_task("", total=cases, status="asking five agents a case")
        measured = measure(
            opened,
            config.agents,
            language.context_tokens,
            cases,
            told=lambda done: progress.update(task, completed=done),
        )
    where = Surroundings(
        measured_on=wall_now().date(),
        backend=language.backend,
        machine=f"{platform.system()} {platform.machine()}",
        cores=os.cpu_count() or 1,
        threads=language.threads,
        load=load,
        peak_mib=_peak_of_children_mib() if language.backend == "embedded" else None,
    )
    try:
        place.write_text(page(measured, where), encoding="utf-8")
    except OSError as error:
        raise SetupError(f"{place}: the page cannot be written: {error.strerror}") from None
    if as_json:
        show_json({"bench": measured, "valid_rate": measured.valid_rate, "fits": measured.fits, "where": where})
        return
    show_lines(page(measured, where).splitlines())
    say(f"written to {place}")


def _peak_of_children_mib() -> float:
    """The most memory that a child held which has ended: the model server is the only one that this command starts."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return peak / (1 << 20) if sys.platform == "darwin" else peak / 1024


@prompts.command("check")
def check_command(
    accept: Annotated[bool, typer.Option("--accept", help="Make this run the accepted one.")] = False,
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put the fixed cases with the prompts as they are, beside the accepted run; exit code 1 where that is outdated."""
    from tenthman.agents.prompt_check import (
        Accepted,
        accepted_place,
        answers_of,
        compare,
        fingerprints,
        read_accepted,
        write_accepted,
    )

    place = accepted_place()
    config = masking(start(config_directory), mask=False)
    before = read_accepted(place)
    with _examined(config) as (_, _, result):
        answers = answers_of(result.papers)
    found = compare(answers, result.digest, before)
    if accept:
        fresh = Accepted(
            accepted_on=wall_now().date(),
            model=result.model,
            model_digest=result.digest,
            prose=config.models.language.prose,
            fingerprints=fingerprints(),
            answers=answers,
        )
        write_accepted(place, fresh)
    if as_json:
        show_json({"model": result.model, "model_digest": result.digest, "check": found, "stands": found.stands})
    else:
        show_lines(_check_lines(found))
    if accept:
        say(f"{place} holds this run now: commit it with the prompts")
    elif not found.stands:
        complain("the accepted run is outdated: look at what moved, then run `tenthman prompts check --accept`")
        raise typer.Exit(1)


def masking(config: Config, *, mask: bool) -> Config:
    """`config` with cases put to models masked or plain."""
    return with_sections(config, agents=config.agents.model_copy(update={"mask": mask}))


def asked_of(config: Config, backend: str | None, model: str | None, base_url: str | None) -> Config:
    """`config` with another language model where one is named; ConfigError where that cannot be."""
    given = {"backend": backend, "model": model, "base_url": base_url}
    changes = {name: value for name, value in given.items() if value is not None}
    if not changes:
        return config
    try:
        language = LanguageModelSettings.model_validate({**config.models.language.model_dump(), **changes})
    except ValidationError as error:
        raise ConfigError(f"the language model asked for: {error.errors()[0]['msg']}") from None
    return with_sections(config, models=config.models.model_copy(update={"language": language}))


def _moved_lines(moved: "tuple[tuple[str, str, str], ...] | None", cases: int, *, masked: bool) -> Iterator[str]:
    """Masked beside plain: a model whose answers do not hang on names reads; others remember."""
    if moved is None:
        if masked:
            yield "`tenthman models exam --no-mask` puts the plain cases, to tell reading from memory"
        return
    then, now = ("plain", "masked") if masked else ("masked", "plain")
    yield f"{len(moved)} of {cases} cases answered otherwise than {then}"
    yield from (f"  {name}: {then} {before}, {now} {after}" for name, before, after in moved)


def _candidates(result: "ExamResult") -> "tuple[tuple[str, Marks], ...]":
    return (result.model, result.marks), ("rules", result.rules), ("coin", result.coin)


def _told(marks: "Marks") -> dict[str, object]:
    return {"told_apart": marks.told_apart, "injected_changes": marks.injected_changes, "marks": marks}


def _exam_lines(result: "ExamResult") -> Iterator[str]:
    width = max(26, len(result.model) + 2)
    yield (
        f"{'':<{width}}{'valid':>7}{'clear vetoes':>14}{'false vetoes':>14}{'injected':>10}{'abstained':>11}"
        f"{'told apart':>12}"
    )
    for name, marks in _candidates(result):
        vetoes, approvals = marks.by_class["clear veto"], marks.by_class["clear approval"]
        abstained = sum(tally.abstained for tally in marks.by_class.values())
        yield (
            f"{name:<{width}}{marks.valid:>7.0%}{f'{vetoes.vetoed} of {vetoes.put}':>14}"
            f"{f'{approvals.vetoed} of {approvals.put}':>14}"
            f"{f'{marks.injected_changed} of {marks.injected_put}':>10}{abstained:>11}{marks.told_apart:>12.2f}"
        )
    yield f"{result.cases} cases, model {result.digest[:12]}"
    yield from (f"missed: {text}" for text in result.failed)
    if not result.better_than_rules:
        yield f"{result.model} is no better than the rules critic: it tells clear cases apart no more often"
    yield f"{result.model} is {'binding' if result.passed else 'advisory: asked, recorded and scored, without effect'}"


def _check_lines(found: "Check") -> Iterator[str]:
    yield f"{'class':<18}{'cases':>6}{'veto':>14}{'shrink':>14}{'abstain':>14}{'no use':>14}"
    for kind, now in found.now.items():
        then = found.accepted[kind]
        shares = (
            (now.veto, then.veto),
            (now.shrink, then.shrink),
            (now.abstain, then.abstain),
            (now.other, then.other),
        )
        yield f"{kind:<18}{now.put:>6}" + "".join(f"{f'{old:.0%} -> {new:.0%}':>14}" for new, old in shares)
    yield from (f"changed since the accepted run: {name}" for name in found.changed)
    if not any(then.put for then in found.accepted.values()):
        yield "no run was accepted yet"
    elif not found.comparable:
        yield "the accepted run is of another model: what moved need not be the prompts' doing"
    yield from (f"moved: {name}: {then} -> {now}" for name, then, now in found.moved)
    if found.stands:
        yield "the accepted run stands"
