"""Where the runs of a sweep are computed: in processes of this machine, or on a Dask cluster. The results are the same.

What all runs read goes to each place once: on this machine as files mapped into memory, on a cluster scattered to
every worker. A worker that dies takes nothing with it but the run that it was at, which another one does again.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

import structlog

from tenthman.backtest.sweep_run import Answer, Shared, Task, call, end_with
from tenthman.domain.errors import ConfigError, SetupError
from tenthman.ml.cluster import connected

MAPPED_ABOVE_BYTES = 4096
"""Arrays larger than this reach local workers as files mapped into memory, not as copies."""

DEATHS = 3
"""So many times in a row may the local workers die without a single result between."""

log = structlog.get_logger(__name__)

Workers = Callable[[Callable[[Shared, Task], Answer], Shared, Sequence[Task]], Iterator[tuple[int, Answer]]]
"""Called with a function, what it shares, and tasks: yields (place of the task, its answer) as they come.

The function must be found by name where the workers are. An exception of the function ends it all.
"""


def cores(jobs: int) -> int:
    """`jobs` processes; -1: one a core, of those that this process may use."""
    import joblib

    return int(joblib.cpu_count()) if jobs == -1 else jobs


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
                        "worker processes die again and again, for want of memory perhaps; what was computed is kept. "
                        "Run the same command again, with fewer --jobs"
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
