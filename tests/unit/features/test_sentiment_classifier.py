"""The trained classifier of headlines: what it reads, how it is kept, and what it refuses."""

import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from tenthman.domain.errors import DataCorrupt, DataMissing
from tenthman.features.sentiment_classifier import CLASSES, Classifier, name_of, opened
from tenthman.features.sentiment_text import normalised
from tenthman.features.sentiment_training import Labelled, left_out_margins, macro_f1, train, without_repeats

WORDS = {
    "negative": ("slumps", "weak", "probe"),
    "neutral": ("meets", "holds", "talks"),
    "positive": ("soars", "record", "wins"),
}
DIMENSIONS = 8


def made_up(count: int = 30) -> Labelled:
    random = np.random.default_rng(3)
    texts, labels = [], []
    for label, words in WORDS.items():
        for number in range(count):
            texts.append(f"Acme{chr(97 + number % 26)} {words[number % 3]} in district {chr(97 + number // 2)}")
            labels.append(CLASSES.index(label))
    vectors = random.normal(size=(len(texts), DIMENSIONS)).astype(np.float32)
    return Labelled(texts=tuple(texts), vectors=vectors, labels=np.array(labels, dtype=np.intp))


@pytest.fixture(scope="module")
def sentences() -> Labelled:
    return made_up()


@pytest.fixture(scope="module")
def model(sentences: Labelled) -> Classifier:
    return train(sentences, "test-embedder")


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("Profit rose to EUR 13.1 mn from EUR 8.7 mn in 2007", "cmpupprofit"),
        ("Operating loss of 4.2 mn compared with 9.1 mn a year ago", "cmpdownloss"),
        ("EPS $0.48 vs. est $0.52", "cmpdowneps"),
        ("sales grew from 5.1 mn to 6.0 mn", "cmpupsales"),
        ("revenue was $1.2 bn against $900 mn", "cmpuprevenue"),
    ],
)
def test_two_amounts_that_are_compared_leave_a_mark_of_direction_and_measure(text: str, mark: str) -> None:
    assert mark in normalised(text).split()


def test_years_and_amounts_that_are_not_compared_leave_no_mark() -> None:
    assert "cmp" not in normalised("The plant opened in 2005 and was sold in 2009 with 30 rooms and 12 lifts")


def test_numbers_links_and_tickers_lose_their_value() -> None:
    assert normalised("$ABC +3.2% at 14 https://t.co/x").split() == ["cashtag", "pluspct", "at", "0"]


def test_a_classifier_tells_apart_what_it_was_trained_to(model: Classifier, sentences: Labelled) -> None:
    guesses = left_out_margins(sentences).argmax(axis=1)
    assert macro_f1(sentences.labels, guesses) > 0.9
    scores = model.scores(sentences.texts, sentences.vectors)
    assert scores[sentences.labels == 2].mean() > 0.3 > -0.3 > scores[sentences.labels == 0].mean()
    assert np.abs(scores).max() <= 1.0


def test_probabilities_sum_to_one_and_a_text_alone_gives_the_bits_it_gives_in_a_batch(
    model: Classifier, sentences: Labelled
) -> None:
    together = model.probabilities(sentences.texts, sentences.vectors)
    np.testing.assert_allclose(together.sum(axis=1), 1.0)
    for row in (0, 40, 89):
        alone = model.probabilities(sentences.texts[row : row + 1], sentences.vectors[row : row + 1])
        assert alone.tobytes() == together[row : row + 1].tobytes()


def test_training_again_gives_the_same_bytes_and_a_kept_model_the_same_scores(
    model: Classifier, sentences: Labelled
) -> None:
    archive = model.dumped()
    assert train(sentences, "test-embedder").dumped() == archive
    again = opened(archive)
    assert again.embedder == "test-embedder"
    assert again.scores(sentences.texts, sentences.vectors).tobytes() == (
        model.scores(sentences.texts, sentences.vectors).tobytes()
    )
    assert len(name_of(archive)) == 12


def test_a_file_that_is_no_model_is_refused(model: Classifier) -> None:
    whole, single = model.dumped(), io.BytesIO()
    np.save(single, np.zeros(3))
    damaged = whole[:500] + b"\xff\x00\xff" + whole[503:]
    for archive in (b"", b"not an archive", b"PK\x03\x04", whole[:-100], damaged, single.getvalue(), _with_object()):
        with pytest.raises(DataCorrupt, match="numpy archive"):
            opened(archive)
    with pytest.raises(DataCorrupt, match="must hold"):
        opened(_npz(code=np.array("sentiment-text-1")))
    with pytest.raises(DataCorrupt, match="`intercept`"):
        opened(replace(model, intercept=np.array([np.nan, 0.0, 0.0])).dumped())
    with pytest.raises(DataCorrupt, match="`slope`"):
        opened(replace(model, slope=np.zeros((2, 3))).dumped())
    for dense in (np.float64(1.0), np.zeros((3, 3)), np.zeros((4, 2))):
        with pytest.raises(DataCorrupt, match="`dense_weights`"):
            opened(replace(model, dense_weights=dense).dumped())


def test_vectors_of_another_length_are_refused(model: Classifier) -> None:
    with pytest.raises(ValueError, match="`vectors` must be of shape"):
        model.scores(("Acme soars",), np.zeros((1, 3), dtype=np.float32))


def test_a_class_with_hardly_a_sentence_is_refused_with_the_counts(sentences: Labelled) -> None:
    with pytest.raises(DataMissing, match="negative 30, neutral 30, positive 4"):
        train(sentences.take(np.arange(64)), "test-embedder")


def test_sentences_equal_but_for_their_numbers_count_once() -> None:
    texts = ("Profit was 3", "profit was 4", "Loss was 3")
    held = Labelled(texts=texts, vectors=np.zeros((3, 2), dtype=np.float32), labels=np.array([2, 2, 0]))
    assert without_repeats(held).texts == ("Profit was 3", "Loss was 3")


def _npz(**arrays: np.ndarray) -> bytes:
    target = io.BytesIO()
    np.savez(target, **arrays)
    return target.getvalue()


def _with_object() -> bytes:
    """An archive with a pickled object in it."""
    inner = io.BytesIO()
    np.save(inner, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("code.npy", inner.getvalue())
    return target.getvalue()
