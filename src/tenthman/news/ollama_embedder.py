"""Vectors for headlines from an Ollama server (`/api/embed`), for those who run one anyway."""

import weakref
from collections.abc import Sequence

import numpy as np
import ollama

from tenthman.config import EmbeddingSettings
from tenthman.domain.errors import DataMissing, SetupError
from tenthman.news.embedder import Embedder, TextEmbedder, Vectors
from tenthman.news.text import clean
from tenthman.utils.bounded_http import BoundedTransport
from tenthman.utils.ollama_models import FAILURES, digest_of

BATCH = 64
MAX_DIMENSIONS = 4_000
"""What an index of pgvector can hold."""


REPLY_BYTES = 16_000_000
"""More than a batch of the widest vectors takes."""

COMPLAINT_CHARACTERS = 160


def open_embedder(settings: EmbeddingSettings) -> TextEmbedder:
    """The model that `settings` name. SetupError when it cannot be had."""
    return Embedder(settings.threads) if settings.backend == "embedded" else OllamaEmbedder(settings)


class OllamaEmbedder:
    """A model of Ollama's, named with its digest: a model pulled anew under the same tag is another model.

    Its connections are closed once nobody holds it any more.
    """

    def __init__(self, settings: EmbeddingSettings) -> None:
        """Find the model and its width. SetupError when the server does not answer or has no such model."""
        self._name = settings.model or ""
        seconds = float(settings.reply_timeout_s)
        self._client = ollama.Client(
            host=settings.base_url,
            timeout=seconds,
            transport=BoundedTransport(seconds, REPLY_BYTES),
            follow_redirects=False,
            trust_env=False,
        )
        weakref.finalize(self, self._client.close)
        self.model = f"{self._name}@{self._digest()[:12]}"
        try:
            self.dimensions = self._ask(["width"]).shape[1]
        except DataMissing as error:
            raise SetupError(f"Ollama's model {self._name!r} makes no vectors: {error}") from None

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, float32 of shape (len(texts), dimensions); texts too long for the model are cut by it.

        Raises DataMissing when the server does not answer, or with something else than such vectors.
        """
        found = np.empty((len(texts), self.dimensions), dtype=np.float32)
        for start in range(0, len(texts), BATCH):
            batch = texts[start : start + BATCH]
            vectors = self._ask(batch)
            if vectors.shape[1] != self.dimensions:
                raise DataMissing(f"{self.model}: vectors must have {self.dimensions} numbers, had {vectors.shape[1]}")
            found[start : start + len(batch)] = vectors
        return found

    def _ask(self, texts: Sequence[str]) -> Vectors:
        whole = [text.encode("utf-8", "replace").decode("utf-8") or " " for text in texts]
        try:
            answer = self._client.embed(model=self._name, input=whole).embeddings
            vectors = np.array(answer, dtype=np.float64)
        except FAILURES as error:
            raise DataMissing(f"{self._name}: Ollama gave no vectors: {_said(error)}") from None
        if vectors.ndim != 2 or len(vectors) != len(texts) or not 1 <= vectors.shape[1] <= MAX_DIMENSIONS:
            raise DataMissing(f"{self._name}: must answer {len(texts)} vectors of one width, gave {vectors.shape}")
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not (np.isfinite(lengths).all() and (lengths > 0.0).all()):
            raise DataMissing(f"{self._name}: vectors must be finite and not zero")
        unit: Vectors = (vectors / lengths).astype(np.float32)
        return unit

    def _digest(self) -> str:
        try:
            listed = self._client.list().models
        except FAILURES as error:
            raise SetupError(
                f"Ollama does not answer at `embedding.base_url`: {_said(error)}; `ollama serve`"
            ) from None
        if digest := digest_of(self._name, listed):
            return digest.removeprefix("sha256:")
        raise SetupError(f"Ollama has no model {self._name!r}: run `ollama pull {self._name}`")


def _said(error: Exception) -> str:
    """Its message, which may be the server's own words."""
    return clean(str(error), COMPLAINT_CHARACTERS)
