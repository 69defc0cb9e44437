"""Training on a cluster that is there already, through XGBoost's own Dask interface.

`growing_on` grows the trees of a training whose rows are made here: they are sent to the workers in parts.
`train_on_cluster` is for rows that outgrow one machine: every part is read by a worker and stays there; nothing but
counts, margins and the model comes back. The trees are those of `training` up to how the quantiles of features are
sketched in parts, so that the same rows give a like model, not the same bits.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from tenthman.config import SignalModelSettings
from tenthman.domain.errors import ConfigError, DataMissing, SetupError
from tenthman.domain.market import Floats
from tenthman.ml.calibration import fit, uncalibrated
from tenthman.ml.cluster import connected
from tenthman.ml.inference import BASE_SCORE, CALIBRATION, margins
from tenthman.ml.labels import BUY, SELL
from tenthman.ml.measures import Integers
from tenthman.ml.training import CLASS_NAMES, MAX_BINS, MIN_ROWS, Grow, Part, booster_parameters

GROWN_ON = "dask"
"""How a model of such trees is told from one of the same rows that was trained by one process."""

PART_ROWS = 65_536


Load = Callable[[], Part]
"""Called on a worker to read a part there, again if that worker is lost; weights are in a unit that all parts share.

It is pickled: its class or function must be importable by the workers and by the scheduler."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """All rows of a training. The caller purges and embargoes between the three, as `training.train` does.

    `stopping` decides when to stop, `validation` calibrates; the margins of `validation` must fit into memory here.
    """

    feature_names: tuple[str, ...]
    feature_set_hash: str
    training: tuple[Load, ...]
    stopping: tuple[Load, ...]
    validation: tuple[Load, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterModel:
    """A trained booster as UBJSON bytes that `inference.open_model` opens, and how it did (log loss in nats)."""

    feature_names: tuple[str, ...]
    feature_set_hash: str
    artefact: bytes
    train_rows: int
    validation_rows: int
    rounds: int
    slope: float
    class_shares: dict[str, float]
    validation_mlogloss: float
    prior_mlogloss: float


def train_on_cluster(client_address: str, parts: Parts, settings: SignalModelSettings) -> ClusterModel:
    """A model of `parts`, trained by the workers of the Dask scheduler at `client_address`.

    Raises what `cluster.connected` raises, DataMissing with the counts when there are too few rows, a part without any
    or a class without any, and SetupError when the cluster is lost on the way: start again then.
    """
    if settings.scaling != "ranks":
        raise ConfigError(f"`signal.scaling` must be 'ranks' on a cluster, was {settings.scaling!r}")
    with connected(client_address) as client, client.as_current(), _unbroken(client_address):
        return _train(client, parts, settings)


@contextmanager
def growing_on(address: str) -> Iterator[Grow]:
    """What grows trees on the workers of the Dask scheduler at `address`, for `training.train` and its like.

    Raises what `cluster.connected` raises, SetupError when a worker has another XGBoost than runs here; what is handed
    out raises SetupError when the cluster is lost on the way: start again then.
    """
    with connected(address) as client, client.as_current():
        with _unbroken(address):
            _require_this_xgboost(client, address)
        yield partial(_grow, client, address)


def _grow(
    client: Any,
    address: str,
    training: Part,
    stopping: Part,
    names: tuple[str, ...],
    settings: SignalModelSettings,
) -> Any:
    with _unbroken(address):
        return _boosted(client, _sent(client, training), _sent(client, stopping), 1.0, names, settings)


def _sent(client: Any, rows: Part) -> list[Any]:
    """The rows on the workers, in turn; each of them has some, for one without would have no trees to vote on."""
    workers = sorted(client.scheduler_info(n_workers=-1)["workers"])
    if not workers:
        raise OSError("no worker is left")
    count = min(len(rows.y), max(len(workers), -(-len(rows.y) // PART_ROWS)))
    pieces = [
        Part(values=values, y=y, weight=weight)
        for values, y, weight in zip(
            *(np.array_split(array, count) for array in (rows.values, rows.y, rows.weight)), strict=True
        )
    ]
    return [
        client.scatter(piece, workers=[workers[place % len(workers)]], hash=False) for place, piece in enumerate(pieces)
    ]


def _require_this_xgboost(client: Any, address: str) -> None:
    here = _xgboost_version()
    others = {worker: found for worker, found in client.run(_xgboost_version).items() if found != here}
    if others:
        raise SetupError(f"the workers at {address} must run XGBoost {here} as here; not so: {others}")


def _xgboost_version() -> str:
    import xgboost

    return str(xgboost.__version__)


@contextmanager
def _unbroken(address: str) -> Iterator[None]:
    """SetupError for all that the loss of a cluster looks like from here."""
    from distributed import KilledWorker
    from distributed.client import FutureCancelledError
    from distributed.comm.core import CommClosedError
    from xgboost.core import XGBoostError

    try:
        yield
    except (KilledWorker, FutureCancelledError, CommClosedError, XGBoostError, OSError) as error:
        raise SetupError(f"training on the cluster at {address} broke off: {error}") from error


def _train(client: Any, parts: Parts, settings: SignalModelSettings) -> ClusterModel:
    held = {
        name: client.map(
            _read, getattr(parts, name), [len(parts.feature_names)] * len(getattr(parts, name)), pure=False
        )
        for name in ("training", "stopping", "validation")
    }
    counts = {name: client.gather(client.map(_counts, futures, pure=False)) for name, futures in held.items()}
    rows, weights = _require_enough(counts)
    scale, names = float(rows.sum() / weights.sum()), parts.feature_names
    booster = _boosted(client, held["training"], held["stopping"], scale, names, settings)
    if settings.early_stopping_rounds is not None:
        booster = booster[: booster.best_iteration + 1]
    shares = weights / weights.sum()
    judged = client.gather(client.map(_judged, held["validation"], [booster] * len(held["validation"]), pure=False))
    raw, y = np.concatenate([item[0] for item in judged]), np.concatenate([item[1] for item in judged])
    calibration = fit(raw, y, shares) if settings.calibration == "temperature" else uncalibrated(shares)
    booster.set_attr(**{BASE_SCORE: repr(float(shares[BUY] - shares[SELL])), CALIBRATION: calibration.dumped()})
    return ClusterModel(
        feature_names=parts.feature_names,
        feature_set_hash=parts.feature_set_hash,
        artefact=bytes(booster.save_raw(raw_format="ubj")),
        train_rows=int(rows.sum()),
        validation_rows=len(y),
        rounds=booster.num_boosted_rounds(),
        slope=calibration.slope,
        class_shares={name: float(share) for name, share in zip(CLASS_NAMES, shares, strict=True)},
        validation_mlogloss=float(-np.log(calibration.probabilities(raw)[np.arange(len(y)), y]).mean()),
        prior_mlogloss=float(-np.log(shares)[y].mean()),
    )


def _boosted(
    client: Any,
    training: Sequence[Any],
    stopping: Sequence[Any],
    scale: float,
    names: tuple[str, ...],
    settings: SignalModelSettings,
) -> Any:
    """All rounds; `scale` brings the weights to a mean of 1 over all parts, as `min_child_weight` expects."""
    from xgboost import dask as on_cluster

    options = {"feature_names": list(names), "max_bin": MAX_BINS}
    values, y, weight = _columns(training, len(names))
    matrix = on_cluster.DaskQuantileDMatrix(client, values, y, weight=weight * np.float32(scale), **options)
    values, y, _ = _columns(stopping, len(names))
    check = on_cluster.DaskQuantileDMatrix(client, values, y, ref=matrix, **options)
    return on_cluster.train(
        client,
        booster_parameters(settings),
        matrix,
        num_boost_round=settings.max_rounds,
        evals=[(check, "stopping")],
        early_stopping_rounds=settings.early_stopping_rounds,
        verbose_eval=False,
    )["booster"]


def _columns(held: Sequence[Any], width: int) -> tuple[Any, Any, Any]:
    """Values, classes and weights of the parts on the workers, as Dask arrays of as many chunks."""
    from dask import array
    from dask.delayed import delayed

    joiner: Any = array

    def joined(name: str, shape: tuple[float, ...]) -> Any:
        pieces = [delayed(getattr)(future, name) for future in held]
        return joiner.concatenate([joiner.from_delayed(piece, shape, dtype=np.float32) for piece in pieces])

    unknown = float("nan")
    return joined("values", (unknown, width)), joined("y", (unknown,)), joined("weight", (unknown,))


def _require_enough(counts: dict[str, list[tuple[Floats, Floats]]]) -> tuple[Floats, Floats]:
    """Rows and weight of the training parts by class."""
    for name, found in counts.items():
        empty = [place for place, (rows, _) in enumerate(found) if rows.sum() == 0]
        if empty or not found:
            raise DataMissing(f"`{name}` must have parts, all of them with rows; without were {empty or 'all'}")
    rows = np.sum([item[0] for item in counts["training"]], axis=0)
    if rows.sum() < MIN_ROWS:
        raise DataMissing(f"training needs at least {MIN_ROWS} labelled rows, there were {int(rows.sum())}")
    if rows.min() == 0:
        told = {name: int(count) for name, count in zip(CLASS_NAMES, rows, strict=True)}
        raise DataMissing(f"training needs rows of all 3 classes, there were {told}")
    return rows, np.sum([item[1] for item in counts["training"]], axis=0)


def _read(load: Load, width: int) -> Part:
    """The part in the types that XGBoost takes. ValueError when its arrays do not fit one another."""
    part = load()
    if part.values.shape != (len(part.y), width) or len(part.weight) != len(part.y):
        raise ValueError(
            f"`values` must be of shape {(len(part.y), width)} and `weight` as long, were {part.values.shape} "
            f"and {len(part.weight)}"
        )
    return Part(
        values=part.values.astype(np.float32),  # all that XGBoost keeps
        y=part.y,
        weight=part.weight,
    )


def _counts(part: Part) -> tuple[Floats, Floats]:
    """Rows and weight by class."""
    rows = np.bincount(part.y, minlength=len(CLASS_NAMES)).astype(np.float64)
    weights = np.bincount(part.y, weights=part.weight, minlength=len(CLASS_NAMES)).astype(np.float64)
    return rows, weights


def _judged(part: Part, booster: Any) -> tuple[Floats, Integers]:
    """Margins and classes."""
    return margins(booster, part.values), part.y
