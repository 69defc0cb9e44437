"""Training the classifier of headlines from labelled sentences, and measuring it on sentences it did not see.

The same sentences in the same order give the same bits.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenthman.domain.errors import DataMissing
from tenthman.domain.market import Floats
from tenthman.features.sentiment_classifier import CLASSES, Classifier, Vectors, dense_part, rarity_weighted
from tenthman.features.sentiment_text import BUCKETS, counts, normalised

FOLDS = 5
MIN_ROWS_A_CLASS = 20
_PENALTY = 0.3
_SEED = 0
_UNTOLD_IDF = 1.0

Integers = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Labelled:
    """Sentences with their vectors (float32, rows x dimensions) and classes (places in `CLASSES`)."""

    texts: tuple[str, ...]
    vectors: Vectors
    labels: Integers

    def __post_init__(self) -> None:
        if not len(self.texts) == len(self.vectors) == len(self.labels):
            raise ValueError(
                f"`texts`, `vectors`, `labels` must be of one length, were {len(self.texts)}, {len(self.vectors)}, "
                f"{len(self.labels)}"
            )

    def take(self, rows: Integers) -> "Labelled":
        """The sentences of these places, in their order."""
        texts = tuple(self.texts[row] for row in rows)
        return Labelled(texts=texts, vectors=self.vectors[rows], labels=self.labels[rows])


def without_repeats(sentences: Labelled) -> Labelled:
    """Each sentence once, the first time it occurs: equal but for numbers and case counts as equal."""
    first: dict[str, int] = {}
    for row, text in enumerate(sentences.texts):
        first.setdefault(normalised(text), row)
    return sentences.take(np.array(sorted(first.values()), dtype=np.intp))


def train(sentences: Labelled, embedder: str) -> Classifier:
    """A classifier of all `sentences`, its probabilities fitted to margins of sentences left out.

    DataMissing when a class has fewer than 20 sentences.
    """
    from sklearn.linear_model import LogisticRegression

    _require_enough(sentences)
    machine = _fit(sentences)
    # Balanced as the machine is: the classes are held equally likely, whatever their shares in this set.
    scale = LogisticRegression(class_weight="balanced", max_iter=1000)
    scale.fit(left_out_margins(sentences), sentences.labels)
    return Classifier(
        embedder=embedder,
        word_idf=machine.word_idf,
        piece_idf=machine.piece_idf,
        word_weights=machine.weights[:BUCKETS],
        piece_weights=machine.weights[BUCKETS : 2 * BUCKETS],
        dense_weights=machine.weights[2 * BUCKETS :],
        intercept=machine.intercept,
        slope=np.ascontiguousarray(scale.coef_.T),
        offset=scale.intercept_,
    )


def left_out_margins(sentences: Labelled) -> Floats:
    """(sentences, 3): margins of each, by a machine trained on the other four fifths (stratified, shuffled)."""
    from sklearn.model_selection import StratifiedKFold

    found = np.empty((len(sentences.texts), len(CLASSES)))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=_SEED)
    for seen, unseen in folds.split(np.zeros(len(found)), sentences.labels):
        found[unseen] = _fit(sentences.take(seen)).margins(sentences.take(unseen))
    return found


def macro_f1(labels: Integers, guesses: Integers) -> float:
    """Mean of the three classes' F1, each counting the same however rare it is."""
    from sklearn.metrics import f1_score

    return float(f1_score(labels, guesses, average="macro", labels=range(len(CLASSES)), zero_division=0.0))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Machine:
    word_idf: Floats
    piece_idf: Floats
    weights: NDArray[np.float32]
    intercept: Floats

    def margins(self, sentences: Labelled) -> Floats:
        found: Floats = _matrix(sentences, self.word_idf, self.piece_idf) @ self.weights + self.intercept
        return found


def _fit(sentences: Labelled) -> _Machine:
    from sklearn.svm import LinearSVC

    words, pieces = counts(sentences.texts)
    word_idf, piece_idf = _idf(words), _idf(pieces)
    machine = LinearSVC(C=_PENALTY, class_weight="balanced", random_state=_SEED)
    machine.fit(_matrix(sentences, word_idf, piece_idf), sentences.labels)
    return _Machine(
        word_idf=word_idf,
        piece_idf=piece_idf,
        weights=np.ascontiguousarray(machine.coef_.T, dtype=np.float32),
        intercept=machine.intercept_,
    )


def _idf(matrix: Any) -> Floats:
    """Smoothed inverse document frequency; 1 where no sentence has the bucket."""
    held = np.asarray((matrix > 0).sum(axis=0)).ravel()
    known = np.log((1.0 + matrix.shape[0]) / (1.0 + held)) + 1.0
    return np.where(held > 0, known, _UNTOLD_IDF).astype(np.float32)


def _matrix(sentences: Labelled, word_idf: Floats, piece_idf: Floats) -> Any:
    from scipy import sparse

    words, pieces = rarity_weighted(sentences.texts, word_idf, piece_idf)
    return sparse.hstack([words, pieces, sparse.csr_matrix(dense_part(sentences.texts, sentences.vectors))]).tocsr()


def _require_enough(sentences: Labelled) -> None:
    held = np.bincount(sentences.labels, minlength=len(CLASSES))
    if held.min() < MIN_ROWS_A_CLASS:
        said = ", ".join(f"{name} {count}" for name, count in zip(CLASSES, held.tolist(), strict=True))
        raise DataMissing(f"each class must have at least {MIN_ROWS_A_CLASS} sentences, there were: {said}")
