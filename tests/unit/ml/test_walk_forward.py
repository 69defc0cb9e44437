"""Walk-forward: what each fold knew, what it says together, and what it refuses."""

import json
from itertools import pairwise

import numpy as np
import pytest

from tenthman.config import SignalModelSettings, WalkForwardSettings
from tenthman.domain.errors import DataMissing
from tenthman.domain.features import FeaturePanel
from tenthman.ml.labels import BUY, SELL, UNKNOWN, Labels
from tenthman.ml.training import usable_rows
from tenthman.ml.walk_forward import WalkForward, blocks, run_blocks, walk_forward

HORIZON = 5


@pytest.fixture(scope="module")
def walked(settings: SignalModelSettings) -> SignalModelSettings:
    return settings.model_copy(
        update={"min_history_sessions": 100, "walk_forward": WalkForwardSettings(folds=3, window="rolling")}
    )


@pytest.fixture(scope="module")
def result(features: FeaturePanel, labels: Labels, eligible: np.ndarray, walked: SignalModelSettings) -> WalkForward:
    return walk_forward(features, labels, eligible, walked, HORIZON)


def cut_to(features: FeaturePanel, labels: Labels, sessions: int) -> tuple[FeaturePanel, Labels]:
    """What would have been known `sessions` sessions in: labels that look further are not there."""
    seen = labels.end_row[:sessions] < sessions
    return (
        FeaturePanel(
            sessions=features.sessions[:sessions].copy(),
            tickers=features.tickers,
            names=features.names,
            values=features.values[:sessions].copy(),
            definitions=features.definitions,
        ),
        Labels(
            y=np.where(seen, labels.y[:sessions], UNKNOWN).astype(np.int8),
            end_row=np.where(seen, labels.end_row[:sessions], -1).astype(np.int32),
        ),
    )


def test_a_planted_relation_is_found_in_every_fold_and_in_all_of_them_together(result: WalkForward) -> None:
    assert len(result.folds) == 3
    assert min(fold.rank_ic for fold in result.folds) == result.worst.rank_ic > 0.4
    for scores, prior in ((result.model, result.prior), *((fold.model, fold.prior) for fold in result.folds)):
        assert scores.mlogloss < prior.mlogloss
        assert scores.brier < prior.brier
    assert result.model.rank_ic.sessions == sum(fold.test_sessions for fold in result.folds)
    assert result.model.rank_ic.low > 0.4
    assert result.linear.rank_ic.mean > 0.4


def test_every_fold_is_trained_on_what_lies_before_it_and_tested_on_what_the_others_are_not(
    result: WalkForward, features: FeaturePanel
) -> None:
    # 215 labelled sessions, of which 100 and a gap of 8 come before the first fold.
    assert [fold.test_sessions for fold in result.folds] == [36, 36, 35]
    assert [fold.test_rows for fold in result.folds] == [36 * 11, 36 * 11, 35 * 11]
    assert result.folds[0].first_session == features.sessions[108].item()
    assert result.folds[-1].last_session == features.sessions[214].item()
    for fold, following in pairwise(result.folds):
        assert (following.first_session - fold.last_session).days == 1
        assert following.train_rows > fold.train_rows


def test_scores_are_there_for_everyone_eligible_from_the_first_fold_to_the_end(
    result: WalkForward, features: FeaturePanel, eligible: np.ndarray
) -> None:
    scored = np.isfinite(result.probabilities).all(axis=2)
    expected = eligible & ~np.isnan(features.values).all(axis=2)
    assert not scored[:108].any()
    np.testing.assert_array_equal(scored[108:], expected[108:])
    np.testing.assert_array_equal(np.isfinite(result.base_score), np.arange(len(scored)) >= 108)
    score = result.probabilities[108:, :, BUY] - result.probabilities[108:, :, SELL]
    assert np.corrcoef(score[scored[108:]], features.values[108:, :, 0][scored[108:]])[0, 1] > 0.8


def test_cutting_off_what_came_later_than_a_fold_changes_not_a_bit_of_it(
    features: FeaturePanel, labels: Labels, eligible: np.ndarray, walked: SignalModelSettings
) -> None:
    chosen = blocks(usable_rows(features, labels, eligible), walked, HORIZON)[:1]
    whole = next(run_blocks(features, labels, eligible, walked, HORIZON, chosen))
    end = chosen[0].test_until + HORIZON
    short = next(run_blocks(*cut_to(features, labels, end), eligible[:end], walked, HORIZON, chosen))
    assert short.probabilities.tobytes() == whole.probabilities.tobytes()
    assert bytes(short.fitted.booster.save_raw()) == bytes(whole.fitted.booster.save_raw())
    assert (short.y.tolist(), short.row.tolist()) == (whole.y.tolist(), whole.row.tolist())


def test_the_description_is_plain_json(result: WalkForward) -> None:
    described = json.loads(json.dumps(result.described(), allow_nan=False))
    assert described["model"]["rank_ic"]["mean"] == result.model.rank_ic.mean
    assert described["worst_rank_ic"] == result.worst.rank_ic
    assert described["folds"][1]["first_session"] == result.folds[1].first_session.isoformat()


def test_too_few_sessions_are_refused_with_the_counts(
    features: FeaturePanel, labels: Labels, eligible: np.ndarray, walked: SignalModelSettings
) -> None:
    wanting = walked.model_copy(update={"min_history_sessions": 205})
    with pytest.raises(DataMissing, match=r"over 3 folds needs at least 213 sessions .* there were 215"):
        walk_forward(features, labels, eligible, wanting, HORIZON)
