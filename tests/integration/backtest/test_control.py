"""The control on a few small markets: the whole chain, cut off on the way and gone on with."""

from dataclasses import dataclass, replace

import pytest
from tenthman_settings import busy

from tenthman.backtest.control import ControlSettings, run_control, study_key
from tenthman.backtest.control_outcomes import Outcome, summarise
from tenthman.config import Config, load_config

EXTREME = ControlSettings(markets=2, first_seed=0, market_sessions=480, sessions=140, strength=10.0, nulls=19)


@dataclass(frozen=True)
class Cut:
    """Outcomes of a study that was killed once, and what each of the two runs examined."""

    before: list[Outcome]
    after: list[Outcome]
    first: list[tuple[str, int]]
    second: list[tuple[str, int]]


@pytest.fixture(scope="module")
def config() -> Config:
    """A model that is trained in half a second on little history."""
    whole = busy(load_config(None, {}))
    signal = whole.models.signal.model_copy(
        update={"min_history_sessions": 80, "max_rounds": 30, "min_child_weight": 20.0, "learning_rate": 0.1}
    )
    return replace(whole, models=whole.models.model_copy(update={"signal": signal}))


@pytest.fixture(scope="module")
def cut(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Cut:
    """One market of each truth; then the record loses its first line and half of its last, and two are asked for."""
    folder = tmp_path_factory.mktemp("control")
    first: list[tuple[str, int]] = []
    second: list[tuple[str, int]] = []
    before = run_control(
        config, replace(EXTREME, markets=1), folder, 1, lambda done, total, item: first.append(item.key)
    )
    path = folder / f"{study_key(config, EXTREME)}.jsonl"
    null, planted = path.read_text(encoding="utf-8").splitlines()
    path.write_text(planted + "\n" + null[: len(null) // 2], encoding="utf-8")
    after = run_control(config, EXTREME, folder, 1, lambda done, total, item: second.append(item.key))
    return Cut(before, after, first, second)


def test_a_study_that_was_cut_off_repeats_nothing_and_loses_nothing(cut: Cut) -> None:
    assert cut.first == [("null", 0), ("planted", 0)]
    assert cut.second == [("null", 0), ("null", 1), ("planted", 1)]
    assert [item.key for item in cut.after] == [("null", 0), ("null", 1), ("planted", 0), ("planted", 1)]


def test_a_market_examined_twice_gives_the_same_outcome(cut: Cut) -> None:
    assert replace(cut.after[0], seconds=0.0) == replace(cut.before[0], seconds=0.0)
    assert cut.after[0].seconds != cut.before[0].seconds


def test_an_extreme_planted_edge_is_found_and_none_is_claimed_where_there_is_none(cut: Cut) -> None:
    null, planted = summarise(cut.after, EXTREME.alpha)
    assert null.claims.hits == 0
    assert (planted.claims.hits, planted.rank_ic_test.hits, planted.nulls_test.hits) == (2, 2, 2)
    assert planted.true_rank_ic > 0.2
    assert null.true_rank_ic == pytest.approx(0.0, abs=1e-9)
    assert planted.rank_ic == pytest.approx(planted.true_rank_ic, abs=0.1)
    assert planted.sharpe > planted.null_sharpe + 2.0
    assert abs(null.oracle_rank_ic) < planted.oracle_rank_ic
