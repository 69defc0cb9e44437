"""The sentences of a backtest's report: what its figures rest on, and what they do not say."""

from collections.abc import Mapping

from tenthman.backtest.evaluation import Evaluation
from tenthman.config import CostSettings
from tenthman.domain.market import MarketKind, Provenance
from tenthman.ml.statistics import Regime

BASIS = (
    "All benchmarks trade in the same sessions and pay half the spread and the open's slippage. The index is bought at "
    "the first open and held; equal weight holds every name that the desk could have chosen from and is put right at "
    "the first open of each month. Figures of a year count 252 sessions; no risk-free rate is taken off returns."
)

COMMITTEES: Mapping[str, str] = {
    "off": "off: every entry that risk allows is sent",
    "tape": "from the tape: the rules critic, and recorded replies of the roles that are enabled",
    "on": "on: the rules critic, and the roles that are enabled, asked for what the tape does not hold",
}

REGIMES: Mapping[str, str] = {
    Regime.UNKNOWN.name.lower(): "not known (fewer than 200 sessions of the index before)",
    Regime.RISING_CALM.name.lower(): "index above its 200-session mean, calm",
    Regime.RISING_WILD.name.lower(): "index above its 200-session mean, wild",
    Regime.FALLING_CALM.name.lower(): "index below its 200-session mean, calm",
    Regime.FALLING_WILD.name.lower(): "index below its 200-session mean, wild",
}


def claim_sentence(evaluation: Evaluation) -> str:
    """The claim in words."""
    claim = evaluation.claim
    if not claim.made:
        return f"Against it: {'; '.join(claim.against)}."
    shared = "" if evaluation.trials == 1 else f", shared among {evaluation.trials:,} trials"
    return (
        f"{evaluation.trades.closed:,} trades were closed, the rank IC of the scores is above zero, and the run beats "
        "random entries under the same rules, each with a p value that a desk without skill reaches in "
        f"{claim.alpha:.0%} of cases at most{shared}. This says that there was an edge in these sessions, not that "
        "there will be one."
    )


def survivorship(market: Provenance) -> str:
    """What the choice of names does to the figures; said of every real market."""
    if market.kind is MarketKind.PRACTICE:
        return (
            "None by construction: the companies are fictional, and none of them is in or out for what became of it. "
            "Nor is there anything here to be learnt about real ones."
        )
    return (
        f"{market.description} So the names are at best those that lists of the time knew, and at worst those that "
        "turned out well enough to be listed later; bars of those that were taken over or went under are missing or "
        "end early. Anything that is long in these names is flattered by it. Equal weight of the same names is "
        "flattered alike, which is why the excess over it is the main figure; the index is not."
    )


def costs_sentence(costs: CostSettings, multiple: float) -> str:
    """The costs that fills of this run carried: `costs`, which are `multiple` times the configured ones."""
    named = (
        ("half the spread", costs.half_spread_bp),
        ("slippage", costs.slippage_bp),
        ("slippage at the open", costs.open_slippage_bp),
        ("slippage of stops", costs.stop_slippage_bp),
    )
    told = ", ".join(f"{name} {value:g} bp" for name, value in named)
    return f"{multiple:g}x the configured ones, a side: {told}; and SEC, FINRA and CAT fees by date"
