"""`tenthman sentiment`: score headlines, measure scorers, and train one on your own labelled sentences."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tenthman.cli.display import open_progress
from tenthman.cli.output import ConfigOption, JsonOption, say, show_json, show_lines
from tenthman.cli.session import start

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenthman.scheduler.models.sentiment_lab import Figures

DataOption = Annotated[Path, typer.Option(help="CSV or parquet: text, label (negative, neutral, positive)[, dataset].")]

app = typer.Typer(help="Score headlines, and train and measure a classifier of your own.", no_args_is_help=True)


@app.command("train")
def train_command(data: DataOption, config_directory: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Train a classifier on your labelled sentences, measured by cross-validation, and keep it in TENTHMAN_HOME."""
    from tenthman.features.sentiment_classifier import name_of
    from tenthman.news.embedder import Embedder
    from tenthman.scheduler.gathering.scoring import keep_model
    from tenthman.scheduler.models.sentiment_lab import cross_figures, read_labelled, train_on_all

    config = start(config_directory)
    embedder = Embedder(config.models.embedding.threads)
    with _embedding() as progress:
        labelled = read_labelled(data, embedder, progress)
    say("measuring by cross-validation, and across the sets ...")
    figures = cross_figures(labelled, embedder.model)
    say("training on everything ...")
    archive = train_on_all(labelled, embedder.model)
    path = keep_model(config.home, archive)
    if as_json:
        show_json({"model": name_of(archive), "file": str(path), "figures": figures})
        return
    show_lines([*_lines(figures), f"kept as {path}", f"settings.yaml, to use it: news.sentiment: '{name_of(archive)}'"])


@app.command("evaluate")
def evaluate_command(
    data: DataOption,
    model: Annotated[str | None, typer.Option(help="A model's name; without it the one that comes along.")] = None,
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure a trained classifier, the lexicon and VADER alone on labelled sentences."""
    from tenthman.features.sentiment_classifier import name_of
    from tenthman.news.embedder import Embedder
    from tenthman.scheduler.gathering.scoring import find_model, shipped_archive
    from tenthman.scheduler.models.sentiment_lab import model_figures, read_labelled

    config = start(config_directory)
    name = model or name_of(shipped_archive())
    found = find_model(config.home, name)
    with _embedding() as progress:
        labelled = read_labelled(data, Embedder(config.models.embedding.threads), progress)
    figures = [model_figures(found, title, sentences, name) for title, sentences in labelled.sets.items()]
    if as_json:
        show_json({"model": name, "figures": figures})
        return
    show_lines(_lines(figures))


@app.command("score")
def score_command(
    texts: Annotated[list[str], typer.Argument(help="Headlines, each in quotes.")],
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score headlines as the configuration does (`news.sentiment`) and with the lexicon, from -1 to 1."""
    from tenthman.scheduler.gathering.scoring import lexicon_scores, open_scorer

    config = start(config_directory)
    named = config.settings.news.sentiment
    rows = list(zip(texts, open_scorer(config)(texts), lexicon_scores(texts), strict=True))
    if as_json:
        show_json({"scorer": named, "scores": [{"text": text, "score": mine} for text, mine, _ in rows]})
        return
    show_lines(f"{mine:+.4f} ({named})  {words:+.4f} (lexicon)  {text}" for text, mine, words in rows)


def _lines(figures: "Sequence[Figures]") -> Iterator[str]:
    yield f"{'macro-F1 on':<42}{'sentences':>10}{'classifier':>12}{'lexicon':>9}{'VADER':>8}  classifier learned from"
    for item in figures:
        learned = "itself, five-fold cross-validation" if item.seen_from == "itself" else item.seen_from
        numbers = f"{item.classifier:>12.3f}{item.lexicon:>9.3f}{item.vader:>8.3f}"
        yield f"{item.dataset:<42}{item.sentences:>10,}{numbers}  {learned}"


@contextmanager
def _embedding() -> "Iterator[Callable[[int, int], None]]":
    with open_progress() as progress:
        task = progress.add_task("", total=None, status="reading sentences")
        yield lambda done, total: progress.update(task, completed=done, total=total)
