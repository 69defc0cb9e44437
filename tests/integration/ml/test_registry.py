"""The registry: models come back to the bit, and altered ones do not come back at all."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import LiteralString

import numpy as np
import psycopg
import pytest
from tenthman_training import signal_settings

from tenthman.config import StopRules
from tenthman.db.pool import Pool
from tenthman.domain.errors import DataCorrupt, DataMissing, SetupError
from tenthman.domain.features import FeaturePanel
from tenthman.domain.market import Panel, Period
from tenthman.ml import roles
from tenthman.ml.inference import open_model
from tenthman.ml.labels import UNKNOWN, Labels
from tenthman.ml.manifest import expired
from tenthman.ml.registry import Registry, TrainingInputs
from tenthman.ml.roles import Change, ModelRole
from tenthman.ml.training import TrainedModel, train
from tenthman.ml.trials import TrialCount, looks, record_ground, record_look, record_trial, same_history, trials

AT = datetime(2020, 1, 5, 12, 0, tzinfo=UTC)
EXPIRES = date(2019, 12, 31)
RULES = StopRules(atr_sessions=14, stop_atr=2.0, reward_risk=1.5, horizon_sessions=2, limit_offset_bp=30)
SETTINGS = signal_settings(
    history_sessions=150,
    min_history_sessions=100,
    embargo_sessions=1,
    max_rounds=5,
    max_depth=2,
    learning_rate=0.3,
    min_child_weight=1,
    subsample=1.0,
)


@pytest.fixture(scope="module")
def features() -> FeaturePanel:
    return FeaturePanel(
        sessions=np.datetime64("2019-01-01") + np.arange(120),
        tickers=tuple(f"T{number}" for number in range(10)),
        names=("x", "y"),
        values=np.random.default_rng(1).normal(size=(120, 10, 2)),
        definitions=("test-1",),
    )


@pytest.fixture(scope="module")
def trained(features: FeaturePanel) -> TrainedModel:
    y = np.digitize(features.values[:, :, 0], (-0.5, 0.5)).astype(np.int8)
    y[-2:] = UNKNOWN
    rows = np.broadcast_to(np.arange(120, dtype=np.int32)[:, None], y.shape)
    labels = Labels(y=y, end_row=np.where(y == UNKNOWN, -1, rows + 2).astype(np.int32))
    return train(features, labels, np.ones(y.shape, dtype=bool), SETTINGS, 2)


@pytest.fixture(scope="module")
def inputs(features: FeaturePanel) -> TrainingInputs:
    return TrainingInputs(
        content_hash="c" * 64,
        material_hash="a" * 64,
        trained_until=date(2019, 4, 30),
        feature_set_hash=features.set_hash,
        settings=SETTINGS,
        rules=RULES,
    )


@pytest.fixture
def market_id(pool: Pool) -> str:
    with pool.connection() as connection:
        connection.execute("INSERT INTO markets VALUES ('m1', 'practice', 'n', 'd', 's', 'p', 'l', 'h', 'SPY')")
    return "m1"


@pytest.fixture
def registry(pool: Pool, market_id: str, tmp_path: Path) -> Registry:
    return Registry(pool=pool, folder=tmp_path / "models")


def saved(registry: Registry, trained: TrainedModel, inputs: TrainingInputs, at: datetime = AT) -> str:
    return registry.save("m1", trained, inputs, at, expires=EXPIRES, extra={"deciles": {"x": [0.25, 1e22]}})


def test_a_model_is_found_by_its_inputs_and_answers_the_same_bits(
    registry: Registry, trained: TrainedModel, inputs: TrainingInputs, features: FeaturePanel
) -> None:
    assert registry.find("m1", inputs.key) is None
    version = saved(registry, trained, inputs)
    fresh = open_model(
        trained.artefact, version=version, feature_names=("x", "y"), feature_set_hash=trained.feature_set_hash
    )
    for model in (registry.load(version), registry.find("m1", inputs.key)):
        assert model is not None
        assert (model.version, model.feature_names) == (version, ("x", "y"))
        assert model.read(features).names == model.feature_names
        assert model.base_score == fresh.base_score
        assert model.scores(features.values[7]).tobytes() == fresh.scores(features.values[7]).tobytes()
        assert model.contributions(features.values[7]).tobytes() == fresh.contributions(features.values[7]).tobytes()
    assert registry.find("m2", inputs.key) is None


def test_a_manifest_says_what_the_model_was_made_of(
    registry: Registry, trained: TrainedModel, inputs: TrainingInputs
) -> None:
    manifest = registry.manifest(saved(registry, trained, inputs))
    assert manifest["data_hash"] == inputs.content_hash
    assert manifest["feature_set_hash"] == inputs.feature_set_hash
    assert manifest["config_hash"] == inputs.config_hash
    assert any(item.startswith("tenthman-") for item in manifest["code"])
    assert any(item.startswith("xgboost-") for item in manifest["code"])
    assert (manifest["seeds"], manifest["trials_so_far"]) == ([3], 1)
    assert manifest["metrics"]["train_rows"] == trained.metrics.train_rows
    assert manifest["deciles"] == {"x": [0.25, 1e22]}
    assert not expired(manifest, EXPIRES)
    assert expired(manifest, EXPIRES + timedelta(days=1))
    (entry,) = registry.entries("m1")
    assert (entry.version, entry.manifest, entry.flaw, entry.role) == (inputs.version, manifest, None, None)
    assert registry.entries("m2") == ()


def test_saving_the_same_model_again_changes_nothing(
    registry: Registry, trained: TrainedModel, inputs: TrainingInputs
) -> None:
    first = saved(registry, trained, inputs)
    manifest = registry.manifest(first)
    assert saved(registry, trained, inputs, AT + timedelta(days=1)) == first == inputs.version
    assert registry.manifest(first) == manifest
    assert len(registry.entries()) == 1


def test_other_bytes_under_the_same_inputs_are_refused(
    registry: Registry, trained: TrainedModel, inputs: TrainingInputs
) -> None:
    saved(registry, trained, inputs)
    with pytest.raises(DataCorrupt, match="must have SHA-256"):
        saved(registry, replace(trained, artefact=trained.artefact + b" "), inputs)


def test_the_copy_on_disk_holds_the_same_bytes_and_is_put_back_when_it_is_gone(
    registry: Registry, trained: TrainedModel, inputs: TrainingInputs
) -> None:
    version = saved(registry, trained, inputs)
    place = registry.folder / version
    assert sorted(path.name for path in registry.folder.iterdir()) == [version]
    assert (place / "model.ubj").read_bytes() == trained.artefact
    kept = (place / "manifest.json").read_bytes()
    shutil.rmtree(place)
    registry.load(version)
    assert (place / "manifest.json").read_bytes() == kept


@pytest.mark.parametrize("name", ["model.ubj", "manifest.json"])
@pytest.mark.parametrize("place", [0, 57, -1])
def test_one_altered_byte_on_disk_is_refused(
    registry: Registry, trained: TrainedModel, inputs: TrainingInputs, name: str, place: int
) -> None:
    version = saved(registry, trained, inputs)
    path = registry.folder / version / name
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataCorrupt, match=f"model {version}: .*{name} was altered.*differs from byte"):
        registry.load(version)
    with pytest.raises(DataCorrupt, match=name):
        registry.manifest(version)


def test_a_shortened_or_missing_file_on_disk_is_refused(
    registry: Registry, trained: TrainedModel, inputs: TrainingInputs
) -> None:
    version = saved(registry, trained, inputs)
    path = registry.folder / version / "manifest.json"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataCorrupt, match="was altered"):
        registry.load(version)
    path.unlink()
    with pytest.raises(DataCorrupt, match="cannot be read"):
        registry.load(version)


def test_a_folder_that_cannot_be_written_is_named(
    registry: Registry, trained: TrainedModel, inputs: TrainingInputs
) -> None:
    registry.folder.write_text("in the way")
    with pytest.raises(SetupError, match=str(registry.folder)):
        saved(registry, trained, inputs)


ALTER = {
    "artefact": "UPDATE models SET artefact = set_byte(artefact, 100, 255 - get_byte(artefact, 100))",
    "manifest": "UPDATE models SET manifest = replace(manifest::text, '2019-04-30', '2019-04-29')::json",
    "blank": "UPDATE models SET manifest = (manifest::text || ' ')::json",
    "seal": "UPDATE models SET manifest = '{}'::json",
}


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("artefact", "`artefact` must have SHA-256"),
        ("manifest", "the manifest in the database was altered: sha256 must be"),
        ("blank", "the manifest in the database was altered"),
        ("seal", "carries no sha256"),
    ],
)
def test_one_altered_byte_in_the_database_is_refused(
    registry: Registry, trained: TrainedModel, inputs: TrainingInputs, part: str, words: str
) -> None:
    version = saved(registry, trained, inputs)
    with registry.pool.connection() as connection:
        connection.execute("ALTER TABLE models DISABLE TRIGGER models_are_immutable")
        connection.execute(ALTER[part].encode())
    with pytest.raises(DataCorrupt, match=f"model {version}: .*{words}"):
        registry.load(version)
    shutil.rmtree(registry.folder)
    with pytest.raises(DataCorrupt, match=words):
        registry.load(version)
    if part != "artefact":
        (entry,) = registry.entries()
        assert entry.manifest == {}
        assert entry.flaw is not None
        assert words in entry.flaw


@pytest.mark.parametrize(
    "statement",
    ["UPDATE models SET trained_until = '2020-01-01'", "DELETE FROM models", "TRUNCATE models CASCADE"],
)
def test_a_model_is_immutable(
    registry: Registry, trained: TrainedModel, inputs: TrainingInputs, statement: LiteralString
) -> None:
    saved(registry, trained, inputs)
    with pytest.raises(psycopg.errors.RaiseException, match="append-only"), registry.pool.connection() as connection:
        connection.execute(statement)
    assert len(registry.entries()) == 1


def test_a_version_that_is_not_there_is_named(registry: Registry) -> None:
    with pytest.raises(DataMissing, match="xgb-none"):
        registry.load("xgb-none")


def test_roles_move_one_step_at_a_time_and_back(
    registry: Registry, trained: TrainedModel, inputs: TrainingInputs
) -> None:
    pool = registry.pool
    a, b, c = (
        saved(registry, trained, replace(inputs, trained_until=date(2019, 4, 30) + timedelta(days=day)))
        for day in range(3)
    )
    why = Change(reason="a test", changed_by="person: tester", at=AT)
    assert roles.champion(pool, "m1") is None
    with pytest.raises(DataMissing, match="two champions to roll back, had 0"):
        roles.rollback(pool, "m1", why)
    for version in (a, b, c):
        roles.challenge(pool, "m1", version, why)
    assert roles.challengers(pool, "m1") == tuple(sorted((a, b, c)))
    assert [roles.promote(pool, "m1", version, why) for version in (a, b, b, c)] == [None, a, None, b]
    assert roles.challengers(pool, "m1") == ()
    assert roles.rollback(pool, "m1", why) == (c, b)
    assert roles.rollback(pool, "m1", why) == (b, a)
    with pytest.raises(DataMissing, match="had 1"):
        roles.rollback(pool, "m1", why)
    assert roles.champion(pool, "m1") == a
    roles.challenge(pool, "m1", a, why)
    assert roles.champion(pool, "m1") == a
    roles.challenge(pool, "m1", c, why)
    assert roles.challengers(pool, "m1") == (c,)
    assert {entry.version: entry.role for entry in registry.entries()} == {a: "champion", b: "retired", c: "challenger"}
    events = roles.role_events(pool, "m1")
    assert [event.restored for event in events if event.role is ModelRole.CHAMPION] == [False, False, False, True, True]
    with pytest.raises(psycopg.errors.RaiseException, match="append-only"), pool.connection() as connection:
        connection.execute("DELETE FROM model_roles")


def test_a_recipe_counts_as_one_trial_whenever_it_is_trained(
    registry: Registry, trained: TrainedModel, inputs: TrainingInputs
) -> None:
    pool = registry.pool
    assert trials(pool, "m1") == TrialCount(n=0, with_sharpe=0, variance_of_sharpes=None)
    for later in (0, 1, 1):
        saved(registry, trained, replace(inputs, trained_until=date(2019, 5, 1 + later)))
    assert trials(pool, "m1").n == 1
    saved(registry, trained, replace(inputs, settings=SETTINGS.model_copy(update={"seed": 4})))
    assert trials(pool, "m1").n == 2
    for sharpe in (0.05, 0.5):
        record_trial(pool, "m1", inputs.recipe, "compared", AT, sharpe)
    record_trial(pool, "m1", "other", "tuned", AT, 0.01)
    found = trials(pool, "m1")
    assert (found.n, found.with_sharpe) == (3, 2)
    assert found.variance_of_sharpes == pytest.approx(np.var([0.05, 0.01], ddof=1))
    assert trials(pool, "m2").n == 0


def test_every_look_is_counted(pool: Pool, market_id: str) -> None:
    kept = Period(first=date(2019, 1, 2), last=date(2021, 12, 31))
    part = Period(first=date(2021, 6, 1), last=date(2022, 6, 1))
    assert record_look(pool, "m1", kept, "a", AT) == 1
    assert record_look(pool, "m1", kept, "a", AT) == 2
    assert record_look(pool, "m1", part, "b", AT) == 3
    assert [look.key for look in looks(pool, "m1", Period(first=date(2022, 1, 3), last=date(2022, 1, 4)))] == ["b"]
    assert looks(pool, "m1", Period(first=date(2018, 1, 3), last=date(2018, 1, 4))) == ()
    assert [look.period for look in looks(pool, "m1")] == [kept, kept, part]


def a_market(pool: Pool, name: str, tickers: Sequence[str], first: str, count: int = 60, kind: str = "pack") -> str:
    with pool.connection() as connection:
        row = [name, kind, name.split("-", maxsplit=1)[0]]
        connection.execute("INSERT INTO markets VALUES (%s, %s, %s, 'd', 's', 'p', 'l', 'h', 'SPY')", row)
    prices = np.full((count, len(tickers)), 10.0)
    prices[:10, -1] = np.nan
    sessions = np.datetime64(first) + np.arange(count)
    fields = dict.fromkeys(("open", "high", "low", "close", "volume"), prices)
    record_ground(pool, name, Panel(sessions=sessions, tickers=tuple(tickers), **fields))
    return name


def test_touched_data_is_the_same_history_and_other_data_is_not(pool: Pool) -> None:
    names = [f"T{number}" for number in range(8)]
    pack = a_market(pool, "pack", names, "2019-01-01")
    akin = [
        a_market(pool, "restamped", names, "2019-01-01"),
        a_market(pool, "fewer", names[:2], "2019-01-05", count=10),
        a_market(pool, "more", [*names, *(f"N{number}" for number in range(30))], "2018-12-01", count=200),
        a_market(pool, "half", [*names[:4], "A", "B", "C", "D"], "2019-02-20"),
    ]
    a_market(pool, "mostly others", [*names[:3], "A", "B", "C", "D", "E"], "2019-01-01")
    a_market(pool, "later", names, "2019-04-01")
    assert same_history(pool, pack) == tuple(sorted([pack, *akin]))
    period = Period(first=date(2019, 1, 2), last=date(2019, 2, 1))
    record_trial(pool, pack, "one", "backtest", AT, 0.1)
    record_look(pool, pack, period, "one", AT)
    for market in akin:
        assert trials(pool, market).n == 1
    record_trial(pool, "restamped", "one", "backtest", AT, 0.3)
    assert trials(pool, "restamped").n == 1
    record_trial(pool, "restamped", "two", "backtest", AT, 0.3)
    found = trials(pool, "restamped")
    assert (found.n, found.with_sharpe) == (2, 2)
    assert record_look(pool, "restamped", period, "two", AT) == 2
    assert (trials(pool, "later").n, looks(pool, "later")) == (0, ())


def test_practice_markets_of_one_name_are_one_history(pool: Pool) -> None:
    one = a_market(pool, "planted7-1", ["A", "B"], "2019-01-01", kind="practice")
    two = a_market(pool, "planted7-2", ["A", "B"], "2019-01-01", kind="practice")
    a_market(pool, "planted8-1", ["A", "B"], "2019-01-01", kind="practice")
    a_market(pool, "own", ["A", "B"], "2019-01-01")
    assert same_history(pool, one) == (one, two)


def test_every_input_changes_the_key_except_the_thresholds(inputs: TrainingInputs) -> None:
    def key(**changes: object) -> str:
        fields = {
            "content_hash": inputs.content_hash,
            "material_hash": inputs.material_hash,
            "trained_until": inputs.trained_until,
            "feature_set_hash": inputs.feature_set_hash,
            "settings": SETTINGS,
            "rules": RULES,
            **changes,
        }
        return TrainingInputs(**fields).key

    keys = {
        key(),
        key(content_hash="d" * 64),
        key(material_hash="b" * 64),
        key(trained_until=date(2019, 5, 1)),
        key(feature_set_hash="e" * 64),
        key(settings=SETTINGS.model_copy(update={"seed": 4})),
        key(rules=RULES.model_copy(update={"reward_risk": 2.0})),
    }
    assert len(keys) == 7
    assert key(settings=SETTINGS.model_copy(update={"entry_fraction": 0.5})) == key()
