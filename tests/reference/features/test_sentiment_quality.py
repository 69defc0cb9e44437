"""Labelled sentences keep the scorer honest: it must stay clearly better than VADER alone (docs/sentiment.md)."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from tenthman.features.sentiment import score_text

CLASSES = {"negative": -1, "neutral": 0, "positive": 1}
THRESHOLD = 0.05


def macro_f1(truth: NDArray[np.int64], scores: NDArray[np.float64]) -> float:
    guess = np.where(scores > THRESHOLD, 1, np.where(scores < -THRESHOLD, -1, 0))
    parts = []
    for kind in (-1, 0, 1):
        hits = np.sum((truth == kind) & (guess == kind))
        parts.append(2 * hits / (np.sum(truth == kind) + np.sum(guess == kind)))
    return float(np.mean(parts))


@pytest.mark.shared_data
def test_labelled_sentences_are_told_apart_better_than_by_vader_alone(shared_data: Path) -> None:
    rows = pq.read_table(shared_data / "sentiment_sentences.parquet").to_pylist()
    truth = np.array([CLASSES[row["label"]] for row in rows])
    vader = SentimentIntensityAnalyzer()
    ours = macro_f1(truth, np.array([score_text(row["text"]) for row in rows]))
    plain = macro_f1(truth, np.array([vader.polarity_scores(row["text"])["compound"] for row in rows]))
    assert ours > 0.54
    assert ours > plain + 0.08


@pytest.mark.shared_data
def test_scores_go_with_graded_opinions_of_headlines_and_posts(shared_data: Path) -> None:
    rows = pq.read_table(shared_data / "sentiment_fiqa_task1_train.parquet").to_pylist()
    scores = np.array([score_text(row["text"]) for row in rows])
    assert np.corrcoef(scores, np.array([row["score"] for row in rows]))[0, 1] > 0.5
