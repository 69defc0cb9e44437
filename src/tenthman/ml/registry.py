"""Trained models, found again by what they were trained on: immutable, in PostgreSQL and, to the byte, on disk.

A model is loaded only if its artefact, its manifest and the copies of both on disk are what was saved.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from psycopg.types.json import Jsonb

from tenthman import __version__
from tenthman.config import SignalModelSettings, StopRules
from tenthman.db.pool import Pool
from tenthman.db.sql import load_queries
from tenthman.domain import canonical
from tenthman.domain.errors import DataCorrupt, DataMissing
from tenthman.ml import labels, training
from tenthman.ml.inference import SignalModel, open_model
from tenthman.ml.manifest import Manifest, sealed, unsealed
from tenthman.ml.shelf import compare, shelve
from tenthman.ml.training import TrainedModel
from tenthman.ml.trials import record_trial, trials

_SQL = load_queries("tenthman.ml", "registry.sql")

THRESHOLDS = {
    "entry_fraction",
    "exit_fraction",
    "retrain_sessions",
    "expires_after_sessions",
    "walk_forward",
    "tuning",
}
"""Settings that judge scores or say when and how to train, not what: changing them needs no training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingInputs:
    """All that a model depends on. `content_hash` is that of the market; no bar after `trained_until` is touched.

    `material_hash` is that of the very numbers learnt from: one market gives others when its headlines became known at
    other instants. `grown_on`: the machinery that grows other trees from the same rows, as `cluster_training` does;
    None: this process.
    """

    content_hash: str
    material_hash: str
    trained_until: date
    feature_set_hash: str
    settings: SignalModelSettings
    rules: StopRules
    grown_on: str | None = None

    def described(self) -> dict[str, object]:
        """The inputs as plain JSON values, with the versions of the code that turns them into a model."""
        return {
            "content_hash": self.content_hash,
            "material_hash": self.material_hash,
            "trained_until": self.trained_until.isoformat(),
            "feature_set_hash": self.feature_set_hash,
            "settings": self.settings.model_dump(mode="json", exclude=THRESHOLDS),
            "label_rules": self.rules.model_dump(mode="json"),
            "code": _code(),
            **({} if self.grown_on is None else {"grown_on": self.grown_on}),
        }

    @property
    def key(self) -> str:
        """SHA-256 over everything described: equal keys mean the same model."""
        return canonical.content_hash(self.described())

    @property
    def recipe(self) -> str:
        """The key without what was learnt and until when: one way of making models on one market: one trial."""
        return canonical.content_hash({**self.described(), "trained_until": None, "material_hash": None})

    @property
    def config_hash(self) -> str:
        """SHA-256 of the settings and label rules that shape the model."""
        described = self.described()
        return canonical.content_hash([described["settings"], described["label_rules"]])

    @property
    def version(self) -> str:
        """The name of the model that these inputs give."""
        return f"xgb-{self.key[:12]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A model in the registry, and its role on its market (None: it has none).

    `manifest` is empty where it does not stand up to its own hash, and `flaw` says why; such a model is never loaded.
    """

    version: str
    market_id: str
    trained_until: date
    trained_at: datetime
    manifest: Manifest
    flaw: str | None
    role: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """Where models are kept: the database behind `pool`, and files under `folder`."""

    pool: Pool = field(repr=False)
    folder: Path

    def save(
        self,
        market_id: str,
        trained: TrainedModel,
        inputs: TrainingInputs,
        at: datetime,
        *,
        expires: date,
        extra: Mapping[str, object] | None = None,
    ) -> str:
        """Store `trained` under the version that `inputs` give, and return it; storing it again changes nothing.

        `expires` is the last session in which it may propose entries; `extra` goes into the manifest as it is (JSON
        values). The recipe is counted as a trial of the market. DataCorrupt when the version holds other bytes
        already: then the training was not reproducible, or a copy was altered.
        """
        if trained.feature_set_hash != inputs.feature_set_hash:
            raise ValueError(
                f"`inputs.feature_set_hash` must be {trained.feature_set_hash}, was {inputs.feature_set_hash}"
            )
        record_trial(self.pool, market_id, inputs.recipe, "trained", at)
        digest = hashlib.sha256(trained.artefact).hexdigest()
        fields = {
            **(extra or {}),
            **_manifest(market_id, trained, inputs, expires, trials(self.pool, market_id).n, digest),
        }
        row = {
            "version": inputs.version,
            "market_id": market_id,
            "trained_until": inputs.trained_until,
            "feature_set_hash": inputs.feature_set_hash,
            "manifest": sealed(fields),
            "artefact": trained.artefact,
            "artefact_sha256": digest,
            "trained_at": at,
        }
        with self.pool.connection() as connection:
            connection.execute(_SQL["insert_model"], row)
        stored = self._fetch(inputs.version)
        if hashlib.sha256(stored.artefact).hexdigest() != digest:
            raise DataCorrupt(
                f"model {inputs.version}: `artefact` must have SHA-256 {stored.artefact_sha256}, had {digest}"
            )
        shelve(self.folder, inputs.version, stored.artefact, stored.manifest)
        return inputs.version

    def load(self, version: str) -> SignalModel:
        """The model of that version. DataMissing when there is none, DataCorrupt when a byte of any copy was altered.

        A copy that is missing on disk is put there again.
        """
        stored = self._fetch(version)
        digest = hashlib.sha256(stored.artefact).hexdigest()
        if digest != stored.artefact_sha256:
            raise DataCorrupt(f"model {version}: `artefact` must have SHA-256 {stored.artefact_sha256}, had {digest}")
        manifest = unsealed(stored.manifest, version, "in the database")
        if manifest["artefact_sha256"] != digest:
            raise DataCorrupt(
                f"model {version}: `artefact` must have SHA-256 {manifest['artefact_sha256']} as its manifest says, "
                f"had {digest}"
            )
        shelve(self.folder, version, stored.artefact, stored.manifest)
        return open_model(
            stored.artefact,
            version=version,
            feature_names=tuple(manifest["feature_names"]),
            feature_set_hash=manifest["feature_set_hash"],
        )

    def find(self, market_id: str, training_key: str) -> SignalModel | None:
        """The model that was trained on exactly these inputs for this market; None when it has yet to be trained."""
        with self.pool.connection() as connection:
            where = {"market_id": market_id, "training_key": training_key}
            row = connection.execute(_SQL["version_of_key"], where).fetchone()
        return None if row is None else self.load(row[0])

    def manifest(self, version: str) -> Manifest:
        """What the model was made of and how it did. DataMissing without one, DataCorrupt as in `load`."""
        stored = self._fetch(version)
        if (self.folder / version).exists():
            compare(self.folder, version, stored.artefact, stored.manifest)
        return unsealed(stored.manifest, version, "in the database")

    def evaluate(self, version: str, body: Mapping[str, object], at: datetime) -> None:
        """Keep how the model's recipe did in walk-forward (plain JSON values)."""
        with self.pool.connection() as connection:
            row = {"version": version, "body": Jsonb(canonical.plain(body)), "at": at}
            connection.execute(_SQL["insert_evaluation"], row)

    def evaluation(self, version: str) -> Manifest | None:
        """The newest evaluation of the model; None when there is none."""
        with self.pool.connection() as connection:
            row = connection.execute(_SQL["newest_evaluation"], {"version": version}).fetchone()
        return None if row is None else {**row[0], "evaluated_at": row[1].isoformat()}

    def entries(self, market_id: str | None = None) -> tuple[Entry, ...]:
        """Every model (of one market), the oldest first."""
        with self.pool.connection() as connection:
            rows = connection.execute(_SQL["list_models"], {"market_id": market_id}).fetchall()
        return tuple(_entry(row) for row in rows)

    def _fetch(self, version: str) -> "_Stored":
        with self.pool.connection() as connection:
            row = connection.execute(_SQL["select_model"], {"version": version}).fetchone()
        if row is None:
            raise DataMissing(f"model {version!r} must be in the registry, was not; see `tenthman models list`")
        manifest, artefact, digest = row
        return _Stored(manifest=manifest, artefact=bytes(artefact), artefact_sha256=digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    manifest: str
    artefact: bytes
    artefact_sha256: str


def _entry(row: tuple[Any, ...]) -> Entry:
    version, market, trained_until, trained_at, text, role = row
    manifest: Manifest = {}
    flaw = None
    try:
        manifest = unsealed(text, version, "in the database")
    except DataCorrupt as error:
        flaw = str(error)
    return Entry(
        version=version,
        market_id=market,
        trained_until=trained_until,
        trained_at=trained_at,
        manifest=manifest,
        flaw=flaw,
        role=role,
    )


def _manifest(
    market_id: str, trained: TrainedModel, inputs: TrainingInputs, expires: date, trials_so_far: int, digest: str
) -> dict[str, Any]:
    return {
        "version": inputs.version,
        "market_id": market_id,
        "training_key": inputs.key,
        "recipe": inputs.recipe,
        "data_hash": inputs.content_hash,
        "feature_set_hash": inputs.feature_set_hash,
        "config_hash": inputs.config_hash,
        "code": [*_code(), f"tenthman-{__version__}"],
        "seeds": [inputs.settings.seed],
        "trials_so_far": trials_so_far,
        "trained_until": inputs.trained_until,
        "expires": expires,
        "inputs": inputs.described(),
        "feature_names": trained.feature_names,
        "metrics": asdict(trained.metrics),
        "artefact_sha256": digest,
    }


def _code() -> list[str]:
    import xgboost

    return [labels.CODE, training.CODE, f"xgboost-{xgboost.__version__}"]
