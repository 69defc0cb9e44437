"""Headlines scored by the classifier that the configuration names, from its file to the features it ends in."""

import csv
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from tenthman_command import config_copy, installed

from tenthman.config import Config, load_config, with_sections
from tenthman.domain.errors import ConfigError, DataCorrupt
from tenthman.domain.news import LinkedItem, NewsItem, TimePrecision
from tenthman.features.sentiment import score_text, sentiment_features
from tenthman.features.sentiment_classifier import CLASSES, name_of, opened
from tenthman.features.sentiment_training import macro_f1
from tenthman.news.embedder import Embedder
from tenthman.scheduler.gathering.scoring import open_scorer, rescored, shipped_archive

SHIPPED = name_of(shipped_archive())
GOOD, BAD = "Arvid profit rose to 13 mn from 8 mn, shares jump", "Arvid issues profit warning, shares tumble"


def configured(home: Path, sentiment: str) -> Config:
    config = load_config(None, {"TENTHMAN_HOME": str(home)})
    news = config.settings.news.model_copy(update={"sentiment": sentiment})
    return with_sections(config, settings=config.settings.model_copy(update={"news": news}))


def test_the_lexicon_is_the_scorer_unless_a_classifier_is_named(tmp_path: Path) -> None:
    assert open_scorer(configured(tmp_path, "lexicon"))([GOOD]) == [score_text(GOOD)]
    good, bad, none = open_scorer(configured(tmp_path, SHIPPED))([GOOD, BAD, "Arvid to hold its annual meeting"])
    assert good > 0.3 > none > -0.3 > bad


def test_scores_are_kept_beside_the_model_and_read_back(tmp_path: Path) -> None:
    config = configured(tmp_path, SHIPPED)
    first = open_scorer(config)([GOOD, BAD, GOOD])
    assert first[0] == first[2]
    assert open_scorer(config)([BAD, GOOD]) == [first[1], first[0]]
    assert (tmp_path / "sentiment" / f"{SHIPPED}.scores").is_file()


def test_a_damaged_file_of_kept_scores_costs_time_and_no_cycle(tmp_path: Path) -> None:
    config = configured(tmp_path, SHIPPED)
    whole = open_scorer(config)([GOOD, BAD])
    (tmp_path / "sentiment" / f"{SHIPPED}.scores").write_bytes(b"no database at all" * 100)
    assert open_scorer(config)([GOOD, BAD]) == whole


def test_a_name_without_a_model_and_a_file_under_a_wrong_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no file"):
        open_scorer(configured(tmp_path, "0123456789ab"))
    (tmp_path / "sentiment").mkdir()
    (tmp_path / "sentiment" / "0123456789ab.npz").write_bytes(shipped_archive())
    with pytest.raises(DataCorrupt, match="SHA-256"):
        open_scorer(configured(tmp_path, "0123456789ab"))


def test_features_of_another_scorer_are_another_set_and_stored_items_are_scored_anew(tmp_path: Path) -> None:
    at = datetime(2020, 1, 6, 14, 0, tzinfo=UTC)
    item = NewsItem(
        id="n1", headline=GOOD, summary="", source="s", url="", published_at=at, known_at=at,
        precision=TimePrecision.INSTANT,
    )  # fmt: skip
    stored = [LinkedItem(item=item, tickers=("AAA",), weight=1.0, sentiment=-0.9)]
    score = open_scorer(configured(tmp_path, SHIPPED))
    anew = rescored(score, stored)
    assert anew == [replace(stored[0], sentiment=score([GOOD])[0])]
    days = np.array(["2020-01-06"], dtype="datetime64[D]")
    cutoffs = np.array(["2020-01-06T14:00"], dtype="datetime64[us]")
    found = [sentiment_features(anew, ("AAA",), days, cutoffs, 3.0, scorer=name) for name in ("lexicon", SHIPPED)]
    assert found[0].set_hash != found[1].set_hash
    assert found[0].definitions == ("sentiment-1:3.0",)


def test_a_user_trains_on_own_sentences_and_the_desk_scores_with_the_result(tmp_path: Path) -> None:
    command = installed(tmp_path / "home")
    data = tmp_path / "labelled.csv"
    with data.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for label, verb in (("negative", "glorps"), ("neutral", "meets"), ("positive", "zings")):
            writer.writerows([f"Unit {chr(97 + n)} {verb} in block {chr(97 + n // 2)}", label] for n in range(25))
    told = command.told("sentiment", "train", "--data", data)
    assert told["figures"][0]["classifier"] > 0.9 > told["figures"][0]["vader"]
    assert Path(told["file"]).is_file()
    changed = config_copy(tmp_path / "config", settings=("sentiment: lexicon", f"sentiment: '{told['model']}'"))
    scored = command.told("sentiment", "score", "Unit q zings in block c", "--config", changed)
    assert scored["scorer"] == told["model"]
    assert scored["scores"][0]["score"] > 0.3
    data.write_text("text,label\nfine,good\n", encoding="utf-8")
    refused = command("sentiment", "evaluate", "--data", data)
    assert refused.code != 0
    assert refused.complaints == [
        f"error: {data}: row 1, column `label`: must be one of negative, neutral, positive, was 'good'"
    ]


@pytest.mark.shared_data
def test_the_classifier_that_comes_along_is_better_than_the_lexicon_on_sentences_of_others(shared_data: Path) -> None:
    rows = pq.read_table(shared_data / "sentiment_sentences.parquet").to_pylist()[::60]
    texts = [row["text"] for row in rows]
    truth = np.array([CLASSES.index(row["label"]) for row in rows], dtype=np.intp)
    guesses = opened(shipped_archive()).probabilities(texts, Embedder().embed(texts)).argmax(axis=1)
    words = np.array([score_text(text) for text in texts])
    lexicon = np.where(words > 0.05, 2, np.where(words < -0.05, 0, 1)).astype(np.intp)
    assert macro_f1(truth, guesses) > macro_f1(truth, lexicon)
    assert macro_f1(truth, guesses) > 0.55
