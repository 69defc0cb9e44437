"""The model as measured: neighbours by topic, vectors that depend on nothing but the text."""

import numpy as np
import pytest

from tenthman.news.embedder import DIMENSIONS, Embedder

RESULTS = "Apple shares jump after strong quarterly results"


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder()


def cosine(embedder: Embedder, one: str, other: str) -> float:
    first, second = embedder.embed([one, other])
    return float(first @ second)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ("Apple stock rises on better than expected earnings", 0.695),
        ("Apple shares fall on EU antitrust probe", 0.639),
        ("Fed holds interest rates steady", 0.173),
        ("Local bakery wins bread contest", 0.085),
    ],
)
def test_headlines_are_as_near_as_was_measured(embedder: Embedder, other: str, expected: float) -> None:
    # Kernels differ between processors; the order of the topics must not.
    assert cosine(embedder, RESULTS, other) == pytest.approx(expected, abs=0.03)


def test_the_vector_knows_the_topic_but_not_the_direction(embedder: Embedder) -> None:
    assert cosine(embedder, "Acme raises full-year guidance", "Acme cuts full-year guidance") > 0.75


def test_vectors_have_unit_length_and_the_shape_promised(embedder: Embedder) -> None:
    vectors = embedder.embed([RESULTS, "", "word " * 1000, "\ud800 lone surrogate"])
    assert vectors.shape == (4, DIMENSIONS)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert embedder.embed([]).shape == (0, DIMENSIONS)


def test_a_text_has_the_same_vector_in_any_company(embedder: Embedder) -> None:
    alone = embedder.embed([RESULTS])[0]
    among = embedder.embed(["Something much longer that would pad the others in a batch", RESULTS, "x"])[1]
    assert alone.tobytes() == among.tobytes()


def test_case_does_not_matter(embedder: Embedder) -> None:
    assert cosine(embedder, RESULTS, RESULTS.upper()) == pytest.approx(1.0, abs=1e-6)


def test_the_vocabulary_is_that_of_bert_uncased(embedder: Embedder) -> None:
    tokens = embedder._tokenizer.encode("NVIDIA's unaffable earnings").tokens
    assert tokens == ["[CLS]", "n", "##vid", "##ia", "'", "s", "una", "##ffa", "##ble", "earnings", "[SEP]"]
    assert embedder._tokenizer.get_vocab_size() == 30_522


def test_the_model_is_named_with_its_weights(embedder: Embedder) -> None:
    assert embedder.model.startswith("all-MiniLM-L6-v2-int8@")
    assert len(embedder.model.partition("@")[2]) == 12
