"""One Dask cluster for all tests that need one."""

from collections.abc import Iterator

import pytest
from tenthman_sweep import Cluster, a_cluster


@pytest.fixture(scope="session")
def _running_cluster() -> Iterator[Cluster]:
    with a_cluster() as cluster:
        yield cluster


@pytest.fixture
def cluster(_running_cluster: Cluster) -> Cluster:
    """A scheduler with two living workers."""
    _running_cluster.fill_up()
    return _running_cluster
