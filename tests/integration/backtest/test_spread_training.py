"""A user trains on rows that the workers of a real Dask cluster make and keep, by command."""

import os
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from tenthman_command import build_arguments, config_copy, user_bars, write_user_files
from tenthman_settings import write_busy
from tenthman_sweep import Cluster

from tenthman.cli.app import app
from tenthman.cli.options import chosen_market, market_known
from tenthman.config import load_config
from tenthman.db.pool import Pool
from tenthman.domain.errors import ConfigError, SetupError
from tenthman.ml import roles
from tenthman.ml.inference import open_model
from tenthman.ml.tuning import Trial
from tenthman.scheduler.models.signal_model import registry_of, train_on, training_material
from tenthman.scheduler.models.spread import train_spread
from tenthman.scheduler.models.trainer import gate_of, span_of, start_after

UNTIL = date(2020, 3, 31)
SPREAD = "train", "--until", UNTIL.isoformat(), "--rows", "spread"
QUICK = {"max_rounds": 6, "min_history_sessions": 150, "features": ["return_5", "rsi_14", "beta_60", "sentiment"]}


class Unheard:
    """A watcher that nobody asks."""

    def stage(self, text: str) -> None:
        """Nothing is shown."""

    def trial(self, trial: Trial, total: int) -> None:
        """Nothing is shown."""


def test_a_model_of_rows_that_only_the_workers_hold_is_like_one_trained_here_and_found_again(
    cluster: Cluster, tmp_path: Path, pool: Pool, fresh_database_url: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("TENTHMAN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TENTHMAN_CONFIG", str(write_busy(config_copy(tmp_path / "config"), **QUICK)))
    monkeypatch.setenv("DATABASE_URL", fresh_database_url)
    monkeypatch.setattr("tenthman.scheduler.models.spread.BLOCK_SESSIONS", 90)
    folder, pack = write_user_files(tmp_path, user_bars()), tmp_path / "pack"
    app([str(item) for item in build_arguments(folder, pack)], standalone_mode=False)
    app([*SPREAD, "--pack", str(pack), "--cluster", cluster.address], standalone_mode=False)
    assert "the gate of promotion stays shut: it is kept as a challenger" in capsys.readouterr().out

    config, nobody = load_config(None, os.environ), "tcp://127.0.0.1:1"
    named = chosen_market(config, None, pack)
    assert named is not None
    known = market_known(config, pool, named, start_after(UNTIL))
    span = span_of(named.panel.sessions.tolist(), None, UNTIL, config)
    again = train_spread(config, pool, known, span, whole=True, watcher=Unheard(), cluster=nobody)
    assert again.known_before
    assert again.manifest["inputs"]["grown_on"] == "dask, rows spread"
    assert roles.challengers(pool, known.market_id) == (again.version,)
    registry = registry_of(config, pool)
    assert not any(check.passed for check in gate_of(config, registry, again.version))
    app(["models", "show", again.version], standalone_mode=False)
    assert "not judged by walk-forward, for which all rows must be in one place" in capsys.readouterr().out

    material = training_material(config, known.content_hash, known.history.serve(start_after(UNTIL)))
    here, metrics = train_on(config, material), again.manifest["metrics"]
    counted = "train_rows", "train_sessions", "stopping_rows", "stopping_sessions", "validation_rows"
    assert {name: metrics[name] for name in counted} == {name: getattr(here.metrics, name) for name in counted}
    assert metrics["class_shares"] == pytest.approx(here.metrics.class_shares)
    names = {"feature_names": here.feature_names, "feature_set_hash": here.feature_set_hash}
    values = material.features.values[-10:][material.eligible[-10:]]
    values = values[~np.isnan(values).all(axis=1)]
    theirs, mine = registry.load(again.version), open_model(here.artefact, version="here", **names)
    assert float(np.abs(mine.scores(values) - theirs.scores(values)).mean()) < 0.02


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ((), "`--rows spread` needs `--cluster tcp://host:port`"),
        (("--cluster", "tcp://127.0.0.1:1", "--tune", "3"), "`--tune` judges by walk-forward"),
        (("--cluster", "tcp://127.0.0.1:1", "--promote"), "`--promote` judges by walk-forward"),
    ],
)
def test_what_needs_all_rows_in_one_place_is_refused_beside_rows_that_are_spread(
    more: tuple[str, ...], complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TENTHMAN_HOME", str(tmp_path / "home"))
    with pytest.raises(ConfigError, match=complaint):
        app([*SPREAD, *more], standalone_mode=False)


@pytest.mark.parametrize("rows", ["here", "spread"])
def test_a_scheduler_that_does_not_answer_is_told_before_anything_is_read(
    rows: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TENTHMAN_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("tenthman.ml.cluster.CONNECT_TIMEOUT_S", 0.2)
    away = "--cluster", "tcp://127.0.0.1:1", "--pack", str(tmp_path / "nothing")
    with pytest.raises(SetupError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:1"):
        app(["train", "--rows", rows, *away], standalone_mode=False)
