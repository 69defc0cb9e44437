"""Walk-forward over any gaps, horizon and embargo: nothing that is learnt from reaches into what it is tested on."""

from itertools import pairwise

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tenthman_training import signal_settings

from tenthman.config import SignalModelSettings
from tenthman.domain.errors import DataMissing
from tenthman.ml.training import split
from tenthman.ml.walk_forward import blocks

SESSIONS, TICKERS = 160, 4


def settings_of(embargo: int, folds: int, window: str, fraction: float) -> SignalModelSettings:
    return signal_settings(
        history_sessions=90,
        min_history_sessions=50,
        validation_fraction=fraction,
        embargo_sessions=embargo,
        walk_forward={"folds": folds, "window": window},
    )


@given(
    seed=st.integers(0, 2**31),
    horizon=st.integers(1, 10),
    embargo=st.integers(0, 8),
    folds=st.integers(2, 6),
    window=st.sampled_from(["rolling", "expanding"]),
    fraction=st.floats(0.2, 0.49),
    holes=st.floats(0.0, 0.4),
)
@settings(max_examples=80, deadline=None)
def test_no_window_of_a_row_that_is_learnt_from_touches_the_test_block_or_its_embargo(
    seed: int, horizon: int, embargo: int, folds: int, window: str, fraction: float, holes: float
) -> None:
    rng = np.random.default_rng(seed)
    usable = rng.uniform(size=(SESSIONS, TICKERS)) < 0.7
    usable[rng.uniform(size=SESSIONS) < holes] = False
    usable[SESSIONS - horizon :] = False
    # Any label ends at the latest with its horizon.
    end_row = np.arange(SESSIONS)[:, np.newaxis] + rng.integers(1, horizon + 1, size=usable.shape)
    wanted = settings_of(embargo, folds, window, fraction)
    try:
        found = blocks(usable, wanted, horizon)
    except DataMissing:
        assume(False)
    assert len(found) == folds
    assert found[-1].test_until == SESSIONS
    for block, following in pairwise(found):
        assert block.test_until == following.test_from
    for block in found:
        known = np.zeros_like(usable)
        known[block.train_from : block.train_until] = usable[block.train_from : block.train_until]
        assert np.all(end_row[known] + embargo < block.test_from)
        assert block.train_from >= block.test_from - 90 or window == "expanding"
        try:
            training, stopping, validation = split(known, wanted, horizon)
        except DataMissing:
            continue
        for earlier, later in ((training, stopping), (stopping, validation)):
            assert later.any()
            assert np.all(end_row[earlier] + embargo < np.nonzero(later)[0].min())
        assert not np.any((training | stopping | validation) & ~known)
