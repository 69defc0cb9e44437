"""Training and measuring scorers of headlines on a user's own labelled sentences."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tenthman.data.tables import Source, read_table, require_columns, texts_of
from tenthman.domain.errors import DataMissing
from tenthman.domain.market import Floats
from tenthman.features.sentiment import score_text
from tenthman.features.sentiment_classifier import CLASSES, Classifier
from tenthman.features.sentiment_training import (
    Integers,
    Labelled,
    left_out_margins,
    macro_f1,
    train,
    without_repeats,
)
from tenthman.news.embedder import Embedder

SIDES = 0.05
"""Beyond which a lexicon's score counts as a side; VADER's usual threshold."""

_BATCH = 200
_UNNAMED = "all"

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Macro-F1 of the classifier, our lexicon and VADER alone on one set; `seen_from` names what the classifier
    learned from: "itself" is five-fold cross-validation, anything else a set of other sentences.
    """

    dataset: str
    sentences: int
    seen_from: str
    classifier: float
    lexicon: float
    vader: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledFile:
    """Labelled sentences by the set they belong to, in the order of the file, each sentence once a set."""

    sets: Mapping[str, Labelled]


def read_labelled(path: Path, embedder: Embedder, progress: Progress) -> LabelledFile:
    """Columns `text` and `label` (negative, neutral, positive), and `dataset` where there is one; CSV or parquet.

    DataCorrupt names the row and the column that is wrong, DataMissing says that there is nothing in it.
    """
    table = read_table(path)
    require_columns(table.column_names, ("text", "label"), str(path))
    source = Source(table, str(path))
    texts = texts_of(source, "text")
    labels = _classes(source)
    names = texts_of(source, "dataset") if "dataset" in table.column_names else [_UNNAMED] * len(texts)
    if not texts:
        raise DataMissing(f"{path}: must hold at least one sentence, held none")
    everything = Labelled(texts=tuple(texts), vectors=_vectors(texts, embedder, progress), labels=labels)
    places = np.array(names)
    sets = {name: without_repeats(everything.take(np.flatnonzero(places == name))) for name in dict.fromkeys(names)}
    return LabelledFile(sets=sets)


def cross_figures(labelled: LabelledFile, embedder: str) -> list[Figures]:
    """Each set by cross-validation, then each from a classifier trained on each of the others."""
    found = []
    for name, sentences in labelled.sets.items():
        guesses = left_out_margins(sentences).argmax(axis=1)
        found.append(_figures(name, sentences, guesses, "itself"))
    for other, seen in labelled.sets.items():
        rest = [name for name in labelled.sets if name != other]
        if rest:
            model = train(seen, embedder)
            found += [model_figures(model, name, labelled.sets[name], other) for name in rest]
    return found


def model_figures(model: Classifier, name: str, sentences: Labelled, seen_from: str) -> Figures:
    """How a trained classifier does on a set that it did not learn from."""
    guesses = model.probabilities(sentences.texts, sentences.vectors).argmax(axis=1)
    return _figures(name, sentences, guesses, seen_from)


def train_on_all(labelled: LabelledFile, embedder: str) -> bytes:
    """The archive of a classifier of every set of the file together."""
    parts = list(labelled.sets.values())
    return train(
        Labelled(
            texts=tuple(text for part in parts for text in part.texts),
            vectors=np.concatenate([part.vectors for part in parts]),
            labels=np.concatenate([part.labels for part in parts]),
        ),
        embedder,
    ).dumped()


def _figures(name: str, sentences: Labelled, guesses: Integers, seen_from: str) -> Figures:
    return Figures(
        dataset=name,
        sentences=len(sentences.texts),
        seen_from=seen_from,
        classifier=macro_f1(sentences.labels, guesses),
        lexicon=macro_f1(sentences.labels, _sides([score_text(text) for text in sentences.texts])),
        vader=macro_f1(sentences.labels, _sides(_vader(sentences.texts))),
    )


def _vader(texts: Sequence[str]) -> list[float]:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyser = SentimentIntensityAnalyzer()
    return [analyser.polarity_scores(text)["compound"] for text in texts]


def _sides(scores: Sequence[float]) -> Integers:
    values: Floats = np.array(scores)
    return np.where(values > SIDES, 2, np.where(values < -SIDES, 0, 1)).astype(np.intp)


def _classes(source: Source) -> Integers:
    labels = texts_of(source, "label")
    wrong = np.array([label not in CLASSES for label in labels], dtype=np.bool_)
    source.refuse(wrong, "label", f"be one of {', '.join(CLASSES)}")
    return np.array([CLASSES.index(label) for label in labels], dtype=np.intp)


def _vectors(texts: Sequence[str], embedder: Embedder, progress: Progress) -> Any:
    parts = []
    for begin in range(0, len(texts), _BATCH):
        parts.append(embedder.embed(texts[begin : begin + _BATCH]))
        progress(min(begin + _BATCH, len(texts)), len(texts))
    return np.concatenate(parts)
