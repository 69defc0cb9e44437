"""The one claim that a backtest makes, or does not.

This is the only place where the project says "there is an edge"; docs/model.md states its rule in words, and
`tenthman control` measures on markets whose truth is known how often it is wrong.
"""

import math
from dataclasses import dataclass

from tenthman.ml.information import Information

MIN_TRADES = 100
ALPHA = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """How many variants were tried, this one among them, and how far their Sharpe ratios (per session) scatter.

    `variance` is that of the `known` ones among them, None for fewer than two; `ml.sharpe.scatter_of_trials` says what
    it counts for.
    """

    count: int = 1
    variance: float | None = None
    known: int = 0

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"`count` must be at least 1, was {self.count}")


@dataclass(frozen=True, slots=True, kw_only=True)
class NullFigures:
    """What random entries brought under the same rules: Sharpe ratios, and the share that did as well as the run."""

    runs: int
    p_value: float
    sharpe_low: float
    sharpe_median: float
    sharpe_high: float
    mean_entries: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Whether an edge is claimed. `against` names what speaks against it, empty exactly when `made`."""

    made: bool
    against: tuple[str, ...]
    alpha: float


def decide_claim(
    closed_trades: int, nulls: NullFigures | None, found: Information | None, trials: Trials, alpha: float = ALPHA
) -> Claim:
    """Claim an edge only if enough was traded and both the selection and the money say so beyond chance.

    1. At least 100 closed trades.
    2. The rank IC of the scores is above zero: one-sided p at most a.
    3. The run beats random entries under the same rules: one-sided p at most a.

    a is `alpha` shared among the trials (Sidak, 1967): 1 - (1 - alpha)^(1 / trials). Either test alone keeps the rate
    of false claims at `alpha`; together it can only be lower. What was not computed counts as not shown.
    """
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"`alpha` must lie between 0 and 1, was {alpha}")
    bound = 1.0 - (1.0 - alpha) ** (1.0 / trials.count)
    against = []
    if closed_trades < MIN_TRADES:
        against.append(f"{closed_trades} closed trades, fewer than {MIN_TRADES}")
    if found is None or not found.p_value <= bound:
        against.append(f"the rank IC {_said(found, bound)}")
    if nulls is None or not nulls.p_value <= bound:
        against.append(f"random entries {_told(nulls, bound)}")
    return Claim(made=not against, against=tuple(against), alpha=alpha)


def _said(found: Information | None, bound: float) -> str:
    if found is None:
        return "was not computed"
    if math.isnan(found.p_value):
        return f"of {found.sessions} sessions cannot be tested: they are too few, or show nothing"
    return f"has p {found.p_value:.3g}, not at most {bound:.3g}"


def _told(nulls: NullFigures | None, bound: float) -> str:
    if nulls is None:
        return "were not run"
    told = f"do as well with p {nulls.p_value:.3g}, not at most {bound:.3g}"
    # None of them did: what is missing is runs.
    is_least = nulls.p_value == 1.0 / (nulls.runs + 1)
    return f"{told}, which takes {math.ceil(1.0 / bound) - 1:,} runs to show" if is_least else told
