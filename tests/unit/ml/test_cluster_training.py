"""Growing trees on a cluster that is lost meanwhile."""

import numpy as np
import pytest
from tenthman_training import signal_settings

from tenthman.domain.errors import SetupError
from tenthman.ml.cluster_training import _grow
from tenthman.ml.training import Part


class Deserted:
    """A cluster that every worker has left."""

    def scheduler_info(self, n_workers: int) -> dict[str, dict[str, object]]:
        return {"workers": {}}


def test_a_cluster_without_workers_is_told_in_one_line() -> None:
    rows = Part(values=np.ones((4, 1)), y=np.zeros(4, dtype=np.intp), weight=np.ones(4), row=np.arange(4))
    with pytest.raises(SetupError, match="training on the cluster at tcp://here:1 broke off: no worker is left"):
        _grow(Deserted(), "tcp://here:1", rows, rows, ("one",), signal_settings())
