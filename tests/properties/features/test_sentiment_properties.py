from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tenthman.domain.news import LinkedItem, NewsItem, TimePrecision
from tenthman.features.sentiment import score_text, sentiment_features

START = datetime(2020, 1, 6, 14, 0, tzinfo=UTC)
WORDS = st.sampled_from(
    [
        "beats",
        "misses",
        "cuts",
        "guidance",
        "profit",
        "rises",
        "not",
        "no",
        "but",
        "least",
        "very",
        "to",
        "loss",
        "!!",
        "up",
    ]
)


@given(text=st.one_of(st.text(), st.lists(WORDS, max_size=15).map(" ".join)))
@settings(deadline=None)
def test_every_text_scores_between_minus_one_and_one(text: str) -> None:
    score = score_text(text)
    assert -1.0 <= score <= 1.0
    assert score == score_text(text)


@st.composite
def items(draw: st.DrawFn) -> LinkedItem:
    published = START + timedelta(minutes=draw(st.integers(-30_000, 30_000)))
    item = NewsItem(
        id=str(draw(st.integers(0, 10**6))),
        headline="x",
        summary="",
        source="s",
        url="",
        published_at=published,
        known_at=published + timedelta(minutes=draw(st.integers(0, 5_000))),
        precision=draw(st.sampled_from(TimePrecision)),
    )
    return LinkedItem(
        item=item, tickers=("AAA",), weight=draw(st.floats(0.0, 1.0)), sentiment=draw(st.floats(-1.0, 1.0))
    )


@given(news=st.lists(items(), max_size=12), half_life=st.floats(0.01, 60.0))
@settings(deadline=None)
def test_features_stay_in_bounds_and_silence_is_zero(news: list[LinkedItem], half_life: float) -> None:
    sessions = np.datetime64("2020-01-06", "D") + np.arange(12)
    cutoffs = sessions.astype("datetime64[us]") + np.timedelta64(14, "h")
    panel = sentiment_features(news, ("AAA", "BBB"), sessions, cutoffs, half_life)
    sentiment, count = panel.values[:, :, 0], panel.values[:, :, 1]
    assert (np.abs(sentiment) <= 1.0).all()
    assert (count >= 0.0).all()
    assert (sentiment[count == 0.0] == 0.0).all()
    assert (panel.values[:, 1, :2] == 0.0).all()
