"""Trained models in PostgreSQL, found again by what they were trained on; immutable."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from psycopg.types.json import Jsonb

from tenthman.config import SignalModelSettings, StopRules
from tenthman.db.pool import Pool
from tenthman.db.sql import load_queries
from tenthman.domain import canonical
from tenthman.domain.errors import DataCorrupt, DataMissing
from tenthman.ml import labels, training
from tenthman.ml.inference import SignalModel, open_model
from tenthman.ml.training import TrainedModel

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
    """All that a model depends on. `content_hash` is that of the market; no bar after `trained_until` is touched."""

    content_hash: str
    trained_until: date
    feature_set_hash: str
    settings: SignalModelSettings
    rules: StopRules

    def described(self) -> dict[str, object]:
        """The inputs as plain JSON values, with the versions of the code that turns them into a model."""
        import xgboost

        return {
            "content_hash": self.content_hash,
            "trained_until": self.trained_until.isoformat(),
            "feature_set_hash": self.feature_set_hash,
            "settings": self.settings.model_dump(mode="json", exclude=THRESHOLDS),
            "label_rules": self.rules.model_dump(mode="json"),
            "code": [labels.CODE, training.CODE, f"xgboost-{xgboost.__version__}"],
        }

    @property
    def key(self) -> str:
        """SHA-256 over everything described: equal keys mean the same model."""
        return canonical.content_hash(self.described())

    @property
    def version(self) -> str:
        """The name of the model that these inputs give."""
        return f"xgb-{self.key[:12]}"


def save(pool: Pool, market_id: str, trained: TrainedModel, inputs: TrainingInputs, at: datetime) -> str:
    """Store `trained` under the version that `inputs` give, and return it; storing it again changes nothing.

    DataCorrupt when the version holds other bytes already: then the training was not reproducible.
    """
    if trained.feature_set_hash != inputs.feature_set_hash:
        raise ValueError(f"`inputs.feature_set_hash` must be {trained.feature_set_hash}, was {inputs.feature_set_hash}")
    digest = hashlib.sha256(trained.artefact).hexdigest()
    manifest = {
        "training_key": inputs.key,
        "inputs": inputs.described(),
        "feature_names": list(trained.feature_names),
        "metrics": asdict(trained.metrics),
    }
    row = {
        "version": inputs.version,
        "market_id": market_id,
        "trained_until": inputs.trained_until,
        "feature_set_hash": inputs.feature_set_hash,
        "manifest": Jsonb(manifest),
        "artefact": trained.artefact,
        "artefact_sha256": digest,
        "trained_at": at,
    }
    with pool.connection() as connection:
        connection.execute(_SQL["insert_model"], row)
        stored = connection.execute(_SQL["select_sha256"], {"version": inputs.version}).fetchone()
    if stored is None or stored[0] != digest:
        raise DataCorrupt(f"model {inputs.version}: `artefact` must have SHA-256 {stored and stored[0]}, had {digest}")
    return inputs.version


def load(pool: Pool, version: str) -> SignalModel:
    """The model of that version. DataMissing when there is none, DataCorrupt when its bytes were altered."""
    return _open(_fetch(pool, version))


def find(pool: Pool, market_id: str, training_key: str) -> SignalModel | None:
    """The model that was trained on exactly these inputs for this market; None when it has yet to be trained."""
    with pool.connection() as connection:
        where = {"market_id": market_id, "training_key": training_key}
        row = connection.execute(_SQL["select_model_of_key"], where).fetchone()
    return None if row is None else _open(row)


def manifest_of(pool: Pool, version: str) -> Mapping[str, Any]:
    """What the model was trained on and how it did: `inputs`, `feature_names`, `metrics`. DataMissing without one."""
    manifest: Mapping[str, Any] = _fetch(pool, version)[2]
    return manifest


def _fetch(pool: Pool, version: str) -> tuple[Any, ...]:
    with pool.connection() as connection:
        row = connection.execute(_SQL["select_model"], {"version": version}).fetchone()
    if row is None:
        raise DataMissing(f"model {version!r} must be in the registry, was not")
    return row


def _open(row: tuple[Any, ...]) -> SignalModel:
    version, feature_set_hash, manifest, artefact, expected = row
    digest = hashlib.sha256(artefact).hexdigest()
    if digest != expected:
        raise DataCorrupt(f"model {version}: `artefact` must have SHA-256 {expected}, had {digest}")
    return open_model(
        artefact,
        version=version,
        feature_names=tuple(manifest["feature_names"]),
        feature_set_hash=feature_set_hash,
    )
