"""A sweep runs each setting once, and tells what the best of so many is worth."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tenthman_settings import busy
from tenthman_sweep import settings_of, toy_material

from tenthman.backtest.claim import Trials
from tenthman.backtest.grid import Setting
from tenthman.backtest.ledger import Outcome, open_ledger
from tenthman.backtest.result import PurposeCode
from tenthman.backtest.sweep import make_material, outcome_of, setting_hash, sweep
from tenthman.backtest.sweep_report import summarise
from tenthman.backtest.sweep_run import Material, Told, play
from tenthman.backtest.workers import local_workers
from tenthman.config import Config, load_config
from tenthman.domain.errors import ConfigError
from tenthman.ml.sharpe import MANY_SHARPES, annualised, deflated_sharpe, sharpe_moments

FEW = {"risk_rules.max_positions": [2, 3, 5], "settings.costs.slippage_bp": [0.0, 40.0]}


@pytest.fixture(scope="module")
def config() -> Config:
    return busy(load_config(None, {}))


@pytest.fixture(scope="module")
def material() -> Material:
    return toy_material()


@pytest.fixture(scope="module")
def settings(config: Config, tmp_path_factory: pytest.TempPathFactory) -> tuple[Setting, ...]:
    return settings_of(tmp_path_factory.mktemp("grid"), config, FEW)


@pytest.fixture(scope="module")
def outcomes(material: Material, settings: tuple[Setting, ...]) -> list[Outcome]:
    return [run_setting(material, item) for item in settings]


def run_setting(material: Material, setting: Setting) -> Outcome:
    told = Told(rules=setting.rules, signal=setting.signal, costs=setting.costs)
    return outcome_of(material, setting, play(material, told))


def trials_of(outcomes: Sequence[Outcome]) -> Trials:
    """The outcomes by themselves, as if they had said by their number how far trials scatter."""
    sharpes = [item.sortable_sharpe() for item in outcomes]
    return Trials(count=len(sharpes), variance=float(np.var(sharpes, ddof=1)), known=MANY_SHARPES)


def nobody(_: Outcome) -> None:
    """Watches nothing."""


def run(path: Path, material: Material, settings: Sequence[Setting]) -> tuple[int, list[Outcome]]:
    with open_ledger(path) as ledger:
        computed = sweep(material, settings, ledger, local_workers(1), nobody)
        return computed, list(ledger.outcomes.values())


def test_each_setting_is_run_once_and_is_not_run_again(
    tmp_path: Path, material: Material, settings: tuple[Setting, ...], outcomes: list[Outcome]
) -> None:
    assert run(tmp_path / "r.jsonl", material, settings[:4]) == (4, outcomes[:4])
    assert run(tmp_path / "r.jsonl", material, settings) == (2, outcomes)
    assert run(tmp_path / "r.jsonl", material, settings) == (0, outcomes)


def test_a_setting_is_another_when_anything_that_it_depends_on_is(
    material: Material, settings: tuple[Setting, ...]
) -> None:
    setting = settings[0]
    other_inputs = make_material(
        replace(material.inputs, dividends=np.full_like(material.inputs.dividends, 0.01)),
        material.cash,
        material.engine,
    )
    hashes = {
        setting_hash(material, setting),
        setting_hash(other_inputs, setting),
        setting_hash(replace(material, cash=material.cash + 1), setting),
        *(setting_hash(material, item) for item in settings[1:]),
    }
    assert len(hashes) == 8
    seeded = replace(setting, signal=setting.signal.model_copy(update={"seed": setting.signal.seed + 1}))
    assert setting_hash(material, seeded) == setting_hash(material, setting)


def test_an_outcome_holds_what_the_run_came_to(material: Material, settings: tuple[Setting, ...]) -> None:
    setting = settings[3]
    result = material.engine(material.inputs, setting.rules, setting.signal, setting.costs, material.cash)
    found = run_setting(material, setting)
    moments = sharpe_moments(result.net_returns)
    assert (found.sharpe, found.skew, found.kurtosis) == (moments.sharpe, moments.skew, moments.kurtosis)
    assert found.total_return == pytest.approx(result.net_equity[-1] / result.starting_cash - 1.0)
    peaks = np.maximum.accumulate(np.concatenate([[result.starting_cash], result.net_equity]))[1:]
    assert found.max_drawdown == pytest.approx(float((1.0 - result.net_equity / peaks).max()))
    assert found.entries == np.count_nonzero(result.fills["purpose"] == PurposeCode.ENTRY) > 10
    assert (found.fills, found.halts, found.values) == (
        len(result.fills),
        sum(move.state == "halted" for move in result.latch),
        setting.values,
    )


def test_a_sweep_that_breaks_off_keeps_what_it_had_and_goes_on_from_there(
    tmp_path: Path, material: Material, settings: tuple[Setting, ...], outcomes: list[Outcome]
) -> None:
    seen: list[Outcome] = []

    def breaking(outcome: Outcome) -> None:
        seen.append(outcome)
        if len(seen) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), open_ledger(tmp_path / "r.jsonl") as ledger:
        sweep(material, settings, ledger, local_workers(1), breaking)
    assert run(tmp_path / "r.jsonl", material, settings) == (3, outcomes)


def test_the_report_names_best_and_worst_and_deflates_by_all_trials(outcomes: list[Outcome]) -> None:
    report = summarise(outcomes, 6, Trials(count=50, variance=0.02))
    ranked = sorted(outcomes, key=Outcome.sortable_sharpe)
    assert (report.best, report.worst, report.trials) == (ranked[-1], ranked[0], 50)
    assert report.worst_sharpe <= report.median_sharpe <= report.best_sharpe
    assert report.best_sharpe == annualised(ranked[-1].sortable_sharpe())
    assert report.deflated_sharpe is not None
    alone = summarise(outcomes[:1], 1, Trials(count=1, variance=None)).deflated_sharpe
    assert alone is not None
    assert 0.0 <= report.deflated_sharpe < summarise(outcomes, 6, Trials(count=6, variance=0.02)).deflated_sharpe  # type: ignore[operator]
    assert "not a result" in report.note


def test_the_deflated_ratio_is_that_of_the_best_ones_returns(
    material: Material, settings: tuple[Setting, ...], outcomes: list[Outcome]
) -> None:
    report = summarise(outcomes, 6, trials_of(outcomes))
    best = settings[outcomes.index(report.best)]
    result = material.engine(material.inputs, best.rules, best.signal, best.costs, material.cash)
    variance = float(np.var([item.sortable_sharpe() for item in outcomes], ddof=1))
    assert report.deflated_sharpe == pytest.approx(deflated_sharpe(sharpe_moments(result.net_returns), 6, variance))


def test_two_settings_that_hardly_differ_do_not_make_the_best_of_many_credible(outcomes: list[Outcome]) -> None:
    twins = [outcomes[0], replace(outcomes[0], setting="another")]
    alike, unknown = (
        summarise(twins, 2, Trials(count=40, variance=variance, known=known))
        for variance, known in ((1e-9, 2), (None, 1))
    )
    assert alike.expected_best_sharpe == unknown.expected_best_sharpe > 0.5
    assert alike.deflated_sharpe == unknown.deflated_sharpe


def test_the_sensitivity_of_a_key_is_over_all_settings_that_have_its_value(outcomes: list[Outcome]) -> None:
    found = {(item.key, item.value): item for item in summarise(outcomes, 6, trials_of(outcomes)).sensitivities}
    assert len(found) == 5
    dear = found["settings.costs.slippage_bp", 40.0]
    sharpes = [
        annualised(item.sortable_sharpe()) for item in outcomes if item.values["settings.costs.slippage_bp"] == 40
    ]
    assert (dear.outcomes, dear.median_sharpe, dear.best_sharpe) == (3, float(np.median(sharpes)), max(sharpes))
    assert dear.median_sharpe < found["settings.costs.slippage_bp", 0.0].median_sharpe


def test_a_best_that_never_moved_has_no_deflated_ratio(outcomes: list[Outcome]) -> None:
    still = [replace(item, sharpe=None, skew=None, kurtosis=None) for item in outcomes]
    assert summarise(still, 6, trials_of(still)).deflated_sharpe is None
    with pytest.raises(ValueError, match="at least one"):
        summarise([], 0, Trials())


def test_fewer_than_one_job_is_refused() -> None:
    with pytest.raises(ConfigError, match="`--jobs` must be at least 1, was 0"):
        local_workers(0)


def test_an_error_of_a_run_ends_the_sweep_and_what_was_computed_stays(
    tmp_path: Path, material: Material, settings: tuple[Setting, ...], outcomes: list[Outcome]
) -> None:
    def failing(function: Callable[..., Any], shared: Any, tasks: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        yield 0, function(shared, tasks[0])
        raise ValueError("a bug")

    with open_ledger(tmp_path / "r.jsonl") as ledger:
        with pytest.raises(ValueError, match="a bug"):
            sweep(material, settings, ledger, failing, nobody)
        assert list(ledger.outcomes.values()) == outcomes[:1]
