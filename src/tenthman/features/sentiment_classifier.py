"""A trained classifier of headlines: negative, neutral or positive news, from words, pieces of words and a vector.

Linear throughout (a support-vector machine, Cortes and Vapnik, 1995), so that a model is a few arrays: it is kept as
numpy's archive, never as a pickle, and is named by the SHA-256 of its bytes.
"""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenthman.domain.errors import DataCorrupt
from tenthman.domain.market import Floats
from tenthman.features.sentiment import score_text
from tenthman.features.sentiment_text import BUCKETS, CODE, counts

CLASSES = ("negative", "neutral", "positive")
NAME_DIGITS = 12
DECIMALS = 4
_LEXICON_WEIGHT = 0.5
_LEXICON_SIDES = 0.05
_LEXICON_COLUMNS = 3

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Classifier:
    """`*_idf` (BUCKETS,): weights of rarity; `*_weights` (BUCKETS, 3), `dense_weights` (3 + dimensions, 3) and
    `intercept` (3,): the machine; `slope` (3, 3) and `offset` (3,): from its margins to log-odds. All float32 or
    float64. `embedder` names the model whose vectors it reads.
    """

    embedder: str
    word_idf: NDArray[np.floating[Any]]
    piece_idf: NDArray[np.floating[Any]]
    word_weights: NDArray[np.floating[Any]]
    piece_weights: NDArray[np.floating[Any]]
    dense_weights: NDArray[np.floating[Any]]
    intercept: NDArray[np.floating[Any]]
    slope: NDArray[np.floating[Any]]
    offset: NDArray[np.floating[Any]]

    def probabilities(self, texts: Sequence[str], vectors: Vectors) -> Floats:
        """(texts, 3) in the order of `CLASSES`, each class held equally likely beforehand.

        `vectors`: float32 (texts, dimensions) of `embedder`; ValueError for another shape. The same text and vector
        give the same bits whatever else is asked.
        """
        expected = (len(texts), len(self.dense_weights) - _LEXICON_COLUMNS)
        if vectors.shape != expected:
            raise ValueError(f"`vectors` must be of shape {expected}, was {vectors.shape}")
        words, pieces = rarity_weighted(texts, self.word_idf, self.piece_idf)
        margins = words @ self.word_weights.astype(np.float64) + pieces @ self.piece_weights.astype(np.float64)
        weights = self.dense_weights.astype(np.float64)
        slope = self.slope.astype(np.float64)
        found = np.empty((len(texts), len(CLASSES)))
        for row, dense in enumerate(dense_part(texts, vectors)):
            # One row at a time: the last bits of a product of whole matrices depend on how many rows there are.
            odds = (margins[row] + dense @ weights + self.intercept) @ slope + self.offset
            odds = np.exp(odds - odds.max())
            found[row] = odds / odds.sum()
        return found

    def scores(self, texts: Sequence[str], vectors: Vectors) -> Floats:
        """Probability of positive less that of negative, -1..1, to four decimals."""
        found = self.probabilities(texts, vectors)
        return np.round(found[:, 2] - found[:, 0], DECIMALS)

    def dumped(self) -> bytes:
        """The model as numpy's archive (npz), without pickled objects."""
        held = {item.name: getattr(self, item.name) for item in fields(self)}
        target = io.BytesIO()
        np.savez_compressed(target, code=np.array(CODE), **held)
        return target.getvalue()


def opened(archive: bytes) -> Classifier:
    """The model in `archive`. DataCorrupt when it is none, was made by other code, or has arrays of other shapes."""
    try:
        with np.load(io.BytesIO(archive), allow_pickle=False) as held:
            arrays = {name: held[name] for name in held.files}
    except Exception as error:
        # Whatever numpy and its zip archives make of bytes that are none is the fault of the file.
        raise DataCorrupt(f"sentiment model: the file must be a numpy archive: {error}") from error
    wanted = {item.name for item in fields(Classifier)} | {"code"}
    if set(arrays) != wanted:
        raise DataCorrupt(f"sentiment model: the file must hold {sorted(wanted)}, held {sorted(arrays)}")
    if str(arrays.pop("code")) != CODE:
        raise DataCorrupt(f"sentiment model: it must be made for {CODE!r}; train it again")
    embedder = str(arrays.pop("embedder"))
    _require_shapes(arrays)
    return Classifier(embedder=embedder, **arrays)


def name_of(archive: bytes) -> str:
    """The first twelve hexadecimal digits of the SHA-256 of a model's bytes: what the configuration names it by."""
    return hashlib.sha256(archive).hexdigest()[:NAME_DIGITS]


def rarity_weighted(texts: Sequence[str], word_idf: NDArray[Any], piece_idf: NDArray[Any]) -> tuple[Any, Any]:
    """Counts of `texts` as 1 + log, times rarity, each row of unit length (Salton and Buckley, 1988); two sparse
    matrices (texts, BUCKETS)."""
    from sklearn.preprocessing import normalize

    weighted = []
    for matrix, idf in zip(counts(texts), (word_idf, piece_idf), strict=True):
        matrix.data = (1.0 + np.log(matrix.data)) * idf.astype(np.float64)[matrix.indices]
        weighted.append(normalize(matrix, copy=False))
    return weighted[0], weighted[1]


def dense_part(texts: Sequence[str], vectors: Vectors) -> Floats:
    """(texts, 3 + dimensions): what the lexicon says, graded and as two sides, and the vectors."""
    lexicon = np.array([score_text(text) for text in texts], dtype=np.float64)
    said = np.stack([lexicon, lexicon > _LEXICON_SIDES, lexicon < -_LEXICON_SIDES], axis=1) * _LEXICON_WEIGHT
    return np.hstack([said, vectors.astype(np.float64)])


def _require_shapes(arrays: dict[str, NDArray[Any]]) -> None:
    kinds = len(CLASSES)
    vector = max(1, np.size(arrays["dense_weights"]) // kinds - _LEXICON_COLUMNS)
    wanted = {
        "word_idf": (BUCKETS,),
        "piece_idf": (BUCKETS,),
        "word_weights": (BUCKETS, kinds),
        "piece_weights": (BUCKETS, kinds),
        "dense_weights": (_LEXICON_COLUMNS + vector, kinds),
        "intercept": (kinds,),
        "slope": (kinds, kinds),
        "offset": (kinds,),
    }
    for name, shape in wanted.items():
        array = np.asarray(arrays[name])
        if array.shape != shape or array.dtype.kind != "f" or not bool(np.isfinite(array).all()):
            raise DataCorrupt(f"sentiment model: `{name}` must be finite floats of shape {shape}, was {array.shape}")
