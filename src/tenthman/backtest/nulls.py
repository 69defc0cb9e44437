"""Random entries: the same engine, rules and costs, with the scores handed to the wrong names.

A null run draws one relabelling of the tickers and keeps it for the whole period: each name trades on the scores of
another. So every run proposes exactly as many entries and exits as the model did, in the same sessions and with the
same strength and persistence, and holds as long as the same rules let it; only whom they are about is chance. Where a
name has no score in a run, the chain of the relabelling is followed to the next that has one, so that the names known
in that run trade scores among themselves.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tenthman.backtest.inputs import Inputs, Integers
from tenthman.backtest.result import BacktestResult, PurposeCode
from tenthman.backtest.workers import cores, local_workers
from tenthman.domain.market import Floats
from tenthman.ml.sharpe import annualised, sharpe_ratio

Places = NDArray[np.intp]

Engine = Callable[[Inputs], BacktestResult]
"""One run over given inputs: `kernel.simulate` with rules, costs and cash filled in."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NullRuns:
    """`equity` net of fees at each close, shape (runs, sessions), USD; `sharpe` annualised (NaN: it never moved).

    `entries` counts the entries filled in each run.
    """

    equity: Floats
    sharpe: Floats
    entries: NDArray[np.int64]

    def p_value(self, statistic: float) -> float:
        """The share of random runs that do at least as well: (1 + runs with a Sharpe so high) / (1 + runs).

        Davison and Hinkley (1997), section 4.2; a run that never traded counts as a Sharpe ratio of 0.
        """
        found = np.nan_to_num(self.sharpe, nan=0.0)
        own = 0.0 if np.isnan(statistic) else statistic
        return float(1 + np.count_nonzero(found >= own)) / (1 + len(found))

    def band(self, share: float) -> Floats:
        """Equity at each close below which `share` of the runs lie, shape (sessions,)."""
        result: Floats = np.quantile(self.equity, share, axis=0)
        return result


def random_entries(inputs: Inputs, engine: Engine, *, runs: int, seed: int, jobs: int = 1) -> NullRuns:
    """`runs` null runs; the same seed gives the same, whatever `jobs` (processes; -1: one a core)."""
    if runs < 1:
        raise ValueError(f"`runs` must be at least 1, was {runs}")
    answers = dict(local_workers(cores(jobs))(_one, (inputs, engine, seed), range(runs)))
    found = [answers[number] for number in range(runs)]
    return NullRuns(
        equity=np.array([item[0] for item in found]),
        sharpe=np.array([item[1] for item in found]),
        entries=np.array([item[2] for item in found], dtype=np.int64),
    )


def relabelled(inputs: Inputs, relabelling: Places) -> Inputs:
    """`inputs` in which each ticker carries the scores of ticker `relabelling[it]`, among the known of each run.

    Names of equal score come in the order of those whose scores they carry.
    """
    width = len(inputs.tickers)
    if sorted(relabelling.tolist()) != list(range(width)):
        raise ValueError(f"`relabelling` must hold each of 0..{width - 1} once")
    known = np.isfinite(inputs.excess)
    source = np.broadcast_to(relabelling, known.shape).copy()
    while True:
        astray = known & ~np.take_along_axis(known, source, axis=-1)
        if not bool(astray.any()):
            break
        source[astray] = relabelling[source[astray]]
    source = np.where(known, source, np.arange(width))
    carrier = np.empty_like(source)
    np.put_along_axis(carrier, source, np.broadcast_to(np.arange(width), source.shape), axis=-1)
    order: Integers = np.take_along_axis(carrier, inputs.order.astype(np.intp), axis=-1).astype(np.int32)
    return replace(inputs, excess=np.take_along_axis(inputs.excess, source, axis=-1), order=order)


def _one(shared: tuple[Inputs, Engine, int], number: int) -> tuple[Floats, float, int]:
    inputs, engine, seed = shared
    rng = np.random.default_rng([seed, number])
    result = engine(relabelled(inputs, rng.permutation(len(inputs.tickers))))
    entries = int(np.count_nonzero(result.fills["purpose"] == PurposeCode.ENTRY))
    return result.net_equity, annualised(sharpe_ratio(result.net_returns)), entries
