"""The one decision, shared by backtest, rehearsal, paper and live; nothing here says which.

1. `prepare`: the market as known -> features -> signals, for every member of the universe at once.
2. `decide`, holdings first: exits by signal, by time, or because the drawdown stop is reducing the book.
3. `decide`, then entries in order of score: propose prices -> size by risk -> put what passes to the committee ->
   shrink, veto or let pass. Each answer counts in the book before the next candidate is looked at.
"""

from tenthman.decision.features import compute_features, join_features, membership, price_features
from tenthman.decision.holdings import decide_exits
from tenthman.decision.preparing import (
    LIQUIDITY_SESSIONS,
    NEWS_CHANGE_ROWS,
    Facts,
    Prepared,
    known_faults,
    prepare,
    prepare_on,
)
from tenthman.decision.question import Decided, Expect, Holes, Question, Quote, Reviewer
from tenthman.decision.run import decide

__all__ = [
    "LIQUIDITY_SESSIONS",
    "NEWS_CHANGE_ROWS",
    "Decided",
    "Expect",
    "Facts",
    "Holes",
    "Prepared",
    "Question",
    "Quote",
    "Reviewer",
    "compute_features",
    "decide",
    "decide_exits",
    "join_features",
    "known_faults",
    "membership",
    "prepare",
    "prepare_on",
    "price_features",
]
