"""Training on a cluster that is there already, through XGBoost's own Dask interface.

`growing_on` grows the trees of a training whose rows are made here: they are sent to the workers in parts.
`train_on_cluster` is for rows that outgrow one machine: every part is made by a worker and stays there; nothing but
counts, what was said of the rows kept for validation, a sample and the model comes back. The trees are those of
`training` up to how the quantiles of features are sketched in parts, so that the same rows give a like model, not the
same bits.
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
from tenthman.ml import baselines
from tenthman.ml.calibration import fit, uncalibrated
from tenthman.ml.cluster import ROOMS, connected
from tenthman.ml.inference import BASE_SCORE, CALIBRATION, margins
from tenthman.ml.labels import BUY, SELL, Mask
from tenthman.ml.measures import Integers
from tenthman.ml.training import MAX_BINS, MIN_ROWS, Grow, Part, TrainedModel, booster_parameters
from tenthman.ml.training_metrics import CLASS_NAMES, Answers, Learnt, metrics_of

GROWN_ON = "dask"
"""How a model of such trees is told from one of the same rows that was trained by one process."""

SPREAD_ON = "dask, rows spread"
"""How a model of rows that the workers made is told from one of rows that were sent to them."""

PART_ROWS = 65_536

_NAMES = ("training", "stopping", "validation")

Load = Callable[[Any], Part]
"""Called on a worker, with what `Parts.shared` holds, to make a part there, and again if that worker is lost; weights
are in a unit that all parts share.

It is pickled: its class or function must be importable by the workers and by the scheduler."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """All rows of a training. The caller purges and embargoes between the three, as `training.train` does.

    `stopping` decides when to stop, `validation` calibrates; the margins of `validation` must fit into memory here.
    `shared` is sent to each worker once and handed to every part.
    """

    feature_names: tuple[str, ...]
    feature_set_hash: str
    training: tuple[Load, ...]
    stopping: tuple[Load, ...]
    validation: tuple[Load, ...]
    shared: object = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClusterTraining:
    """A model that `inference.open_model` opens like any other, and rows drawn from those that trained it."""

    model: TrainedModel
    drawn: Part


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Counts:
    """Of one part: rows and weight by class, its sessions, and which features are defined somewhere (features,)."""

    rows: Floats
    weight: Floats
    sessions: Integers
    defined: Mask


def train_on_cluster(
    client_address: str,
    parts: Parts,
    settings: SignalModelSettings,
    horizon_sessions: int,
    rooms: tuple[str, ...] = ROOMS,
) -> ClusterTraining:
    """A model of `parts`, trained by the workers of the Dask scheduler at `client_address`, which run these `rooms`.

    Raises what `cluster.connected` raises, DataMissing with the counts when there are too few rows, a part without any,
    a class without any or a feature that is undefined throughout, and SetupError when the cluster is lost on the way:
    start again then.
    """
    if settings.scaling != "ranks":
        raise ConfigError(f"`signal.scaling` must be 'ranks' on a cluster, was {settings.scaling!r}")
    with connected(client_address, rooms) as client, client.as_current(), _unbroken(client_address):
        _require_this_xgboost(client, client_address)
        return _train(client, parts, settings, horizon_sessions)


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
        Part(values=values, y=y, weight=weight, row=row)
        for values, y, weight, row in zip(
            *(np.array_split(array, count) for array in (rows.values, rows.y, rows.weight, rows.row)), strict=True
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


def _train(client: Any, parts: Parts, settings: SignalModelSettings, horizon_sessions: int) -> ClusterTraining:
    shared, width = client.scatter(parts.shared, broadcast=True, hash=False), len(parts.feature_names)
    held = {name: _each(client, _read, getattr(parts, name), shared, width) for name in _NAMES}
    counts: dict[str, list[_Counts]] = {name: client.gather(_each(client, _count, held[name])) for name in _NAMES}
    names = parts.feature_names
    rows, weights = _require_enough(counts, names)
    scale = float(rows.sum() / weights.sum())
    booster = _boosted(client, held["training"], held["stopping"], scale, names, settings)
    if settings.early_stopping_rounds is not None:
        booster = booster[: booster.best_iteration + 1]
    drawn = _sample(client, held["training"], counts["training"], scale, settings.seed)
    answers = _asked(client, held["validation"], booster, drawn, settings.seed)
    shares = weights / weights.sum()
    fitted = settings.calibration == "temperature"
    calibration = fit(answers.margins, answers.y, shares) if fitted else uncalibrated(shares)
    booster.set_attr(**{BASE_SCORE: repr(float(shares[BUY] - shares[SELL])), CALIBRATION: calibration.dumped()})
    learnt = Learnt(
        train_rows=int(rows.sum()),
        train_sessions=_sessions(counts["training"]),
        stopping_rows=int(sum(item.rows.sum() for item in counts["stopping"])),
        stopping_sessions=_sessions(counts["stopping"]),
        rounds=booster.num_boosted_rounds(),
        margins=margins(booster, drawn.values),
        y=drawn.y,
    )
    model = TrainedModel(
        feature_names=parts.feature_names,
        feature_set_hash=parts.feature_set_hash,
        artefact=bytes(booster.save_raw(raw_format="ubj")),
        metrics=metrics_of(learnt, answers, calibration, settings, horizon_sessions),
    )
    return ClusterTraining(model=model, drawn=drawn)


def _each(client: Any, called: Callable[..., Any], items: Sequence[Any], *more: Any) -> list[Any]:
    """Futures of `called`, anew for each of `items` with the same `more`."""
    futures: list[Any] = client.map(called, items, *([item] * len(items) for item in more), pure=False)
    return futures


def _sample(client: Any, held: Sequence[Any], counts: Sequence[_Counts], scale: float, seed: int) -> Part:
    """At most so many training rows as a baseline needs, of each part its share; weights with a mean of 1 over all."""
    rows = [int(item.rows.sum()) for item in counts]
    share = min(1.0, baselines.MAX_ROWS / sum(rows))
    wanted, seeds = [max(1, int(share * count)) for count in rows], [seed + place for place in range(len(rows))]
    drawn: list[Part] = client.gather(client.map(_drawn, held, wanted, seeds, pure=False))
    return Part(
        values=np.concatenate([item.values for item in drawn]),
        y=np.concatenate([item.y for item in drawn]),
        weight=scale * np.concatenate([item.weight for item in drawn]),
        row=np.concatenate([item.row for item in drawn]),
    )


def _asked(client: Any, held: Sequence[Any], booster: Any, drawn: Part, seed: int) -> Answers:
    """What the trees, and a linear model of the drawn rows, say of the rows that the workers hold."""
    sent = [client.scatter(item, broadcast=True, hash=False) for item in (booster, drawn)]
    said: list[Answers] = client.gather(_each(client, _answered, held, *sent, seed))
    return Answers(
        margins=np.concatenate([item.margins for item in said]),
        linear=np.concatenate([item.linear for item in said]),
        y=np.concatenate([item.y for item in said]),
        row=np.concatenate([item.row for item in said]),
    )


def _sessions(counts: Sequence[_Counts]) -> int:
    return len(np.unique(np.concatenate([item.sessions for item in counts])))


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


def _require_enough(counts: dict[str, list[_Counts]], names: tuple[str, ...]) -> tuple[Floats, Floats]:
    """Rows and weight of the training parts by class."""
    for name, found in counts.items():
        empty = [place for place, item in enumerate(found) if item.rows.sum() == 0]
        if empty or not found:
            raise DataMissing(f"`{name}` must have parts, all of them with rows; without were {empty or 'all'}")
    rows = np.sum([item.rows for item in counts["training"]], axis=0)
    if rows.sum() < MIN_ROWS:
        raise DataMissing(f"training needs at least {MIN_ROWS} labelled rows, there were {int(rows.sum())}")
    if rows.min() == 0:
        told = {name: int(count) for name, count in zip(CLASS_NAMES, rows, strict=True)}
        raise DataMissing(f"training needs rows of all 3 classes, there were {told}")
    defined = np.any([item.defined for item in counts["training"]], axis=0)
    undefined = [name for name, known in zip(names, defined, strict=True) if not known]
    if undefined:
        raise DataMissing(
            f"features must be defined somewhere in the {int(rows.sum())} training rows, not: {undefined}"
        )
    return rows, np.sum([item.weight for item in counts["training"]], axis=0)


def _read(load: Load, shared: object, width: int) -> Part:
    """The part in the types that XGBoost takes. ValueError when its arrays do not fit one another."""
    part = load(shared)
    if part.values.shape != (len(part.y), width) or not len(part.weight) == len(part.row) == len(part.y):
        raise ValueError(
            f"`values` must be of shape {(len(part.y), width)} and `weight` and `row` as long, were "
            f"{part.values.shape}, {len(part.weight)} and {len(part.row)}"
        )
    return Part(
        values=part.values.astype(np.float32),  # all that XGBoost keeps
        y=part.y,
        weight=part.weight,
        row=part.row,
    )


def _count(part: Part) -> _Counts:
    defined: Mask = np.any(np.isfinite(part.values), axis=0)
    return _Counts(
        rows=np.bincount(part.y, minlength=len(CLASS_NAMES)).astype(np.float64),
        weight=np.bincount(part.y, weights=part.weight, minlength=len(CLASS_NAMES)).astype(np.float64),
        sessions=np.unique(part.row),
        defined=defined,
    )


def _drawn(part: Part, count: int, seed: int) -> Part:
    """`count` rows of `part`, in their order."""
    if count >= len(part.y):
        return part
    chosen = np.sort(np.random.default_rng(seed).choice(len(part.y), count, replace=False))
    return Part(values=part.values[chosen], y=part.y[chosen], weight=part.weight[chosen], row=part.row[chosen])


def _answered(part: Part, booster: Any, drawn: Part, seed: int) -> Answers:
    linear = baselines.linear(drawn.values, drawn.y, drawn.weight, part.values, seed)
    return Answers(margins=margins(booster, part.values), linear=linear, y=part.y, row=part.row)
