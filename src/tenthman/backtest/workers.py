"""Where the runs of a sweep are computed: in processes of this machine, or on a Dask cluster. The results are the same.

What all runs read goes to each place once: on this machine as files mapped into memory, on a cluster scattered to
every worker. A worker that dies takes nothing with it but the run that it was at, which another one does again.
"""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

import structlog

from tenthman import __version__
from tenthman.backtest.sweep_run import Answer, Shared, Task, call, code_hash, end_with
from tenthman.domain.errors import ConfigError, SetupError

MAPPED_ABOVE_BYTES = 4096
"""Arrays larger than this reach local workers as files mapped into memory, not as copies."""

DEATHS = 3
"""So many times in a row may the local workers die without a single result between."""

CONNECT_TIMEOUT_S = 10

log = structlog.get_logger(__name__)

Workers = Callable[[Callable[[Shared, Task], Answer], Shared, Sequence[Task]], Iterator[tuple[int, Answer]]]
"""Called with a function, what it shares, and tasks: yields (place of the task, its answer) as they come.

The function must be found by name where the workers are. An exception of the function ends it all.
"""


def local_workers(jobs: int) -> Workers[Any, Any, Any]:
    """`jobs` processes of this machine; with one job it is this process."""
    if jobs < 1:
        raise ConfigError(f"`--jobs` must be at least 1, was {jobs}")

    def run(function: Callable[[Shared, Task], Answer], shared: Shared, tasks: Sequence[Task]) -> Iterator[Any]:
        import joblib

        left, deaths = dict(enumerate(tasks)), 0
        while left:
            parallel = joblib.Parallel(
                n_jobs=min(jobs, len(left)),
                backend="loky",
                initializer=end_with,
                initargs=(os.getpid(),),
                return_as="generator_unordered",
                max_nbytes=MAPPED_ABOVE_BYTES,
                mmap_mode="r",
            )
            try:
                for place, answer in parallel(
                    joblib.delayed(call)(function, shared, *item) for item in tuple(left.items())
                ):
                    deaths = 0
                    del left[place]
                    yield place, answer
            except BrokenProcessPool as error:
                deaths += 1
                log.warning("a worker process died", left=len(left), deaths=deaths, error=str(error)[:200])
                if deaths == DEATHS:
                    raise SetupError(
                        f"worker processes died {DEATHS} times in a row, for want of memory perhaps; what was computed "
                        "is kept. Run the same command again, with fewer --jobs"
                    ) from None

    return run


@contextmanager
def cluster_workers(address: str) -> Iterator[Workers[Any, Any, Any]]:
    """The workers of the Dask scheduler at `address` ("tcp://host:port"), as many as there are at any time.

    Raises ConfigError for another kind of address, SetupError when Dask is not installed, the scheduler or its workers
    do not answer, or they run other code of this package.
    """
    with connected(address) as client:

        def run(function: Callable[[Shared, Task], Answer], shared: Shared, tasks: Sequence[Task]) -> Iterator[Any]:
            import joblib
            from distributed import KilledWorker
            from distributed.client import FutureCancelledError
            from distributed.comm.core import CommClosedError

            with joblib.parallel_config(backend="dask", client=client, scatter=[shared]):
                parallel = joblib.Parallel(return_as="generator_unordered")
            try:
                yield from parallel(joblib.delayed(call)(function, shared, *item) for item in enumerate(tasks))
            except (KilledWorker, FutureCancelledError, CommClosedError, OSError) as error:
                raise SetupError(
                    f"the cluster at {address} was lost; what was computed is kept, run the same command again: {error}"
                ) from error

        yield run


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """A `distributed.Client` of the scheduler at `address`; its workers, one or more, run the code that runs here."""
    if not re.fullmatch(r"(tcp|tls)://[^\s/:]+:\d{1,5}", address):
        raise ConfigError(f"`--cluster` must look like tcp://host:port, was {address!r}")
    try:
        import distributed
    except ImportError:
        raise SetupError('`--cluster` needs Dask, which is an extra: pip install "tenthman[cluster]"') from None
    try:
        client = _client(distributed.Client, address)
    except (OSError, ValueError) as error:
        raise SetupError(f"no Dask scheduler answers at {address}: {error}") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=CONNECT_TIMEOUT_S)
        except TimeoutError:
            raise SetupError(f"the Dask scheduler at {address} has no workers; start `dask worker {address}`") from None
        _require_this_code(client, address)
        yield client


def _client(made_by: Any, address: str) -> Any:
    """A client that nothing else in this process takes for its own."""
    return made_by(address, timeout=CONNECT_TIMEOUT_S, set_as_default=False)


def _require_this_code(client: Any, address: str) -> None:
    try:
        found = client.run(code_hash)
    except Exception as error:  # whatever a worker answers when it cannot import the package
        raise SetupError(f"the workers at {address} must have tenthman {__version__} installed: {error}") from error
    others = sorted(worker for worker, code in found.items() if code != code_hash())
    if others:
        raise SetupError(
            f"the workers at {address} must run the same tenthman as here, {__version__}; not so: {others}"
        )
