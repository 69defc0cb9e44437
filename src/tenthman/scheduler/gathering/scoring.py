"""Which scorer of headlines the configuration names: the lexicon, or a trained classifier and its embedder."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path

import structlog

from tenthman.config import Config
from tenthman.domain.errors import ConfigError, DataCorrupt, SetupError
from tenthman.domain.news import LinkedItem, NewsItem
from tenthman.features.sentiment import LEXICON, score_text
from tenthman.features.sentiment_classifier import Classifier, name_of, opened
from tenthman.news.embedder import Embedder
from tenthman.news.storage import text_hash

Score = Callable[[Sequence[str]], list[float]]
"""Texts to scores in -1..1, each by itself."""

log = structlog.get_logger(__name__)

SHIPPED = "sentiment_model.npz"
_BATCH = 500


def open_scorer(config: Config) -> Score:
    """The scorer that `news.sentiment` names. ConfigError when there is no such model, DataCorrupt when it is none."""
    name = config.settings.news.sentiment
    if name == LEXICON:
        return lexicon_scores
    return _Classified(find_model(config.home, name), config.home / "sentiment" / f"{name}.scores").scores


def lexicon_scores(texts: Sequence[str]) -> list[float]:
    """Scores by the lexicon of the desk."""
    return [score_text(text) for text in texts]


def scored_text(item: NewsItem) -> str:
    """What of an article is scored."""
    return f"{item.headline}. {item.summary}" if item.summary else item.headline


def rescored(score: Score, items: Sequence[LinkedItem]) -> list[LinkedItem]:
    """`items` as `score` scores them, whichever scorer was at work when they were stored."""
    found = score([scored_text(item.item) for item in items])
    return [replace(item, sentiment=sentiment) for item, sentiment in zip(items, found, strict=True)]


def find_model(home: Path, name: str) -> Classifier:
    """The model of that name: the one that comes with the package, or one under `home`. ConfigError without one."""
    archive = shipped_archive()
    if name != name_of(archive):
        path = home / "sentiment" / f"{name}.npz"
        if not path.is_file():
            raise ConfigError(
                f"`news.sentiment` must be {LEXICON!r}, {name_of(archive)!r} (which comes with the package) or a model "
                f"that `tenthman sentiment train` made, was {name!r}: no file {path}"
            )
        archive = path.read_bytes()
        if name_of(archive) != name:
            raise DataCorrupt(f"{path}: the SHA-256 of the file must begin with its name, was {name_of(archive)}")
    return opened(archive)


@cache
def shipped_archive() -> bytes:
    """The bytes of the model that comes with the package."""
    return (files("tenthman.features") / SHIPPED).read_bytes()


def keep_model(home: Path, archive: bytes) -> Path:
    """Write a model under its name in `home`, whole or not at all; the same one again changes nothing."""
    folder = home / "sentiment"
    path = folder / f"{name_of(archive)}.npz"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".part")
        beside.write_bytes(archive)
        beside.replace(path)
    except OSError as error:
        raise SetupError(f"{path}: the model cannot be written: {error.strerror}") from None
    return path


class _Classified:
    """Scores of a classifier. Vectors take milliseconds each, so scores are kept beside the model."""

    def __init__(self, model: Classifier, kept: Path) -> None:
        self._model = model
        self._kept = kept
        self._embedder: Embedder | None = None

    def scores(self, texts: Sequence[str]) -> list[float]:
        hashes = [text_hash(text) for text in texts]
        by_hash = dict(zip(hashes, texts, strict=True))
        try:
            known = self._kept_scores(by_hash)
        except (OSError, sqlite3.Error) as error:
            # What is kept only saves time: a full disk or a damaged file must not end a cycle.
            log.warning("scores of headlines cannot be kept", path=str(self._kept), error=str(error))
            known = self._in_batches(by_hash, lambda _: None)
        return [known[key] for key in hashes]

    def _kept_scores(self, by_hash: dict[str, str]) -> dict[str, float]:
        self._kept.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self._kept, timeout=60.0)) as store:
            store.execute("CREATE TABLE IF NOT EXISTS scores (text_hash TEXT PRIMARY KEY, score REAL NOT NULL)")

            def keep(found: dict[str, float]) -> None:
                with store:
                    store.executemany("INSERT OR IGNORE INTO scores VALUES (?, ?)", found.items())

            known = _known(store, list(by_hash))
            return known | self._in_batches({key: by_hash[key] for key in by_hash if key not in known}, keep)

    def _in_batches(self, by_hash: dict[str, str], keep: Callable[[dict[str, float]], None]) -> dict[str, float]:
        found: dict[str, float] = {}
        keys = list(by_hash)
        for begin in range(0, len(keys), _BATCH):
            some = keys[begin : begin + _BATCH]
            scored = dict(zip(some, self._scored([by_hash[key] for key in some]), strict=True))
            keep(scored)
            found |= scored
        return found

    def _scored(self, texts: list[str]) -> list[float]:
        self._embedder = self._embedder or Embedder()
        if self._embedder.model != self._model.embedder:
            raise ConfigError(
                f"`news.sentiment` names a model for vectors of {self._model.embedder}, which this installation does "
                f"not make (it has {self._embedder.model}): train it again"
            )
        found: list[float] = self._model.scores(texts, self._embedder.embed(texts)).tolist()
        return found


def _known(store: sqlite3.Connection, hashes: Sequence[str]) -> dict[str, float]:
    known: dict[str, float] = {}
    for begin in range(0, len(hashes), _BATCH):
        some = hashes[begin : begin + _BATCH]
        marks = ", ".join("?" * len(some))
        query = f"SELECT text_hash, score FROM scores WHERE text_hash IN ({marks})"  # noqa: S608 - only marks
        known |= dict(store.execute(query, some).fetchall())
    return known
