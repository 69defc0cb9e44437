"""Signals: the same bits in any batch, honest contributions, and no answer to the wrong question."""

from datetime import date

import numpy as np
import pytest
import xgboost

from tenthman.domain.errors import DataCorrupt
from tenthman.domain.features import FeaturePanel
from tenthman.domain.opinion import Action
from tenthman.ml.inference import SignalModel, _actions, open_model, signals
from tenthman.ml.labels import BUY, SELL
from tenthman.ml.training import TrainedModel


@pytest.fixture(scope="session")
def model(trained: TrainedModel) -> SignalModel:
    return open_model(
        trained.artefact,
        version="xgb-test",
        feature_names=trained.feature_names,
        feature_set_hash=trained.feature_set_hash,
    )


def test_a_row_scores_the_same_alone_and_in_any_batch(model: SignalModel, features: FeaturePanel) -> None:
    values = features.values[150]
    together = model.scores(values)
    alone = np.concatenate([model.scores(values[[row]]) for row in range(len(values))])
    assert alone.tobytes() == together.tobytes()
    assert model.scores(values[::-1])[::-1].tobytes() == together.tobytes()


def test_probabilities_add_up_to_one_and_follow_the_planted_feature(model: SignalModel) -> None:
    probabilities = model.scores(np.array([[2.0, 0.0, 0.0], [-2.0, 0.0, 0.0]]))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-6)
    assert probabilities[0, BUY] > 0.8
    assert probabilities[1, SELL] > 0.8


def test_a_row_without_any_feature_has_no_score_and_no_contribution(model: SignalModel) -> None:
    values = np.array([[np.nan, np.nan, np.nan], [1.0, np.nan, np.nan]])
    assert np.isnan(model.scores(values)[0]).all()
    assert np.isnan(model.contributions(values)[0]).all()
    assert np.isfinite(model.scores(values)[1]).all()
    assert np.isnan(model.scores(values[:1])).all()


def test_contributions_explain_the_odds_of_buying_against_selling(model: SignalModel, features: FeaturePanel) -> None:
    values = features.values[120:150].reshape(-1, 3)
    probabilities = model.scores(values)
    unexplained = np.log(probabilities[:, BUY] / probabilities[:, SELL]) - model.contributions(values).sum(axis=1)
    np.testing.assert_allclose(unexplained, unexplained[0], atol=1e-4)
    assert np.abs(model.contributions(values)[:, 0]).mean() > 5 * np.abs(model.contributions(values)[:, 1]).mean()


def test_signals_carry_session_action_and_when_asked_their_largest_contributions(
    model: SignalModel, features: FeaturePanel
) -> None:
    found = signals(
        model,
        features,
        150,
        ("T03", "T01", "T02"),
        horizon_sessions=5,
        entry_fraction=0.1,
        exit_fraction=0.1,
        top_contributions=2,
        explained=tuple(Action),
    )
    assert [signal.ticker for signal in found] == ["T03", "T01", "T02"]
    assert {signal.session for signal in found} == {date(2019, 5, 31)}
    for signal in found:
        assert len(signal.contributions) == 2
        assert abs(signal.contributions[0].contribution) >= abs(signal.contributions[1].contribution)
        column = features.tickers.index(signal.ticker)
        for part in signal.contributions:
            value = features.values[150, column, features.names.index(part.feature)]
            assert part.value is None if np.isnan(value) else part.value == value


def test_only_what_may_be_traded_is_explained_unless_asked(model: SignalModel, features: FeaturePanel) -> None:
    options = {"horizon_sessions": 5, "entry_fraction": 0.3, "exit_fraction": 0.2}
    found = signals(model, features, 150, features.tickers, **options)
    asked = signals(model, features, 150, features.tickers, **options, explained=tuple(Action))
    assert {signal.action for signal in found} == set(Action)
    for signal, explained in zip(found, asked, strict=True):
        assert explained.contributions
        assert signal.contributions == (() if signal.action is Action.HOLD else explained.contributions)


def test_only_the_best_above_the_base_are_bought_and_only_the_worst_below_it_sold(
    model: SignalModel, features: FeaturePanel
) -> None:
    tickers = tuple(ticker for ticker in features.tickers if ticker.startswith("T"))
    for row in range(120, 160):
        found = signals(model, features, row, tickers, horizon_sessions=5, entry_fraction=0.3, exit_fraction=0.2)
        ordered = sorted(found, key=lambda signal: (-signal.excess, signal.ticker))
        best, worst = -(-3 * len(found) // 10), -(-2 * len(found) // 10)
        bought = {signal.ticker for signal in ordered[:best] if signal.excess > 0}
        sold = {signal.ticker for signal in ordered[-worst:] if signal.excess < 0}
        assert {signal.ticker for signal in found if signal.action is Action.BUY} == bought
        assert {signal.ticker for signal in found if signal.action is Action.SELL} == sold


def test_seven_per_cent_of_a_hundred_tickers_are_seven() -> None:
    tickers = tuple(f"T{number:03}" for number in range(100))
    actions = _actions(np.linspace(1.0, -1.0, 100), tickers, 0.07, 0.14)
    assert actions == (Action.BUY,) * 7 + (Action.HOLD,) * 79 + (Action.SELL,) * 14


def test_scores_are_judged_by_their_distance_from_the_base_score(model: SignalModel, trained: TrainedModel) -> None:
    shares = trained.metrics.class_shares
    assert model.base_score == shares["buy"] - shares["sell"]
    assert model.base_score < -0.05


def test_a_ticker_without_features_has_no_signal(model: SignalModel, features: FeaturePanel) -> None:
    found = signals(
        model,
        features,
        len(features.sessions) - 1,
        ("T04", "T05"),
        horizon_sessions=5,
        entry_fraction=0.1,
        exit_fraction=0.1,
    )
    assert [signal.ticker for signal in found] == ["T05"]


def test_other_features_than_the_model_was_trained_on_are_refused(model: SignalModel, features: FeaturePanel) -> None:
    other = FeaturePanel(
        sessions=features.sessions.copy(),
        tickers=features.tickers,
        names=features.names,
        values=features.values.copy(),
        definitions=("planted-2",),
    )
    with pytest.raises(DataCorrupt, match="must be set"):
        signals(model, other, 0, ("T01",), horizon_sessions=5, entry_fraction=0.1, exit_fraction=0.1)


def test_features_beside_those_of_the_model_are_passed_over(model: SignalModel, features: FeaturePanel) -> None:
    more = FeaturePanel(
        sessions=features.sessions.copy(),
        tickers=features.tickers,
        names=("other", *features.names),
        values=np.concatenate([np.ones((*features.values.shape[:2], 1)), features.values], axis=2),
        definitions=features.definitions,
    )
    options = {"horizon_sessions": 5, "entry_fraction": 0.1, "exit_fraction": 0.1}
    assert signals(model, more, 9, ("T01", "T02"), **options) == signals(model, features, 9, ("T01", "T02"), **options)
    with pytest.raises(DataCorrupt, match=r"must hold \['noise'\]"):
        model.read(features.select(("signal", "rare")))


def test_an_unknown_ticker_is_refused_by_name(model: SignalModel, features: FeaturePanel) -> None:
    with pytest.raises(KeyError, match="NONE"):
        signals(model, features, 0, ("NONE",), horizon_sessions=5, entry_fraction=0.1, exit_fraction=0.1)


def test_values_of_another_width_are_refused(model: SignalModel) -> None:
    with pytest.raises(ValueError, match=r"shape \(rows, 3\), was \(2, 4\)"):
        model.scores(np.zeros((2, 4)))


def test_bytes_that_are_no_model_are_refused(trained: TrainedModel) -> None:
    with pytest.raises(DataCorrupt, match="is not a model"):
        open_model(b"{}", version="v", feature_names=trained.feature_names, feature_set_hash="h")


def test_a_model_without_a_calibration_is_refused(trained: TrainedModel) -> None:
    booster = xgboost.Booster(model_file=bytearray(trained.artefact))
    for spoilt, complaint in ((None, "must hold base_score_of_classes and calibration"), ("{}", "`calibration` must")):
        booster.set_attr(calibration=spoilt)
        with pytest.raises(DataCorrupt, match=complaint):
            open_model(
                bytes(booster.save_raw(raw_format="ubj")),
                version="v",
                feature_names=trained.feature_names,
                feature_set_hash="h",
            )


def test_a_model_of_other_features_is_refused(trained: TrainedModel) -> None:
    with pytest.raises(DataCorrupt, match="`feature_names` must be"):
        open_model(trained.artefact, version="v", feature_names=("a", "b", "c"), feature_set_hash="h")
