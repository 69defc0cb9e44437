"""The reasons that a critic may give: a fixed vocabulary of codes, one sentence each."""

from collections.abc import Mapping
from types import MappingProxyType

VOCABULARY: Mapping[str, str] = MappingProxyType(
    {
        "weak_edge": "The model's chance of a rise is not above its chance of a fall, or hardly.",
        "good_edge": "The model's chance of a rise stands clearly above its chance of a fall.",
        "bad_news": "The quoted headlines are clearly bad for the company.",
        "good_news": "The quoted headlines are clearly good for the company.",
        "mixed_news": "The quoted headlines contradict one another.",
        "no_news": "There is no headline to judge by.",
        "sharp_fall": "The last session gapped or moved down by an unusual number of average ranges.",
        "heavy_selling": "The price fell on unusually heavy volume.",
        "downtrend": "The price has been falling for weeks.",
        "uptrend": "The price has been rising for weeks.",
        "overbought": "The price has risen so far so quickly that a pause is likely.",
        "volatile": "The price swings so much that the stop may be hit by chance.",
        "calm": "The price moves little, so the stop has room.",
        "thin_reward": "The target is too near for what the stop would lose.",
        "fair_reward": "The target pays enough for what the stop would lose.",
        "concentrated": "The book already holds much of this sector.",
        "drawdown": "The book is below its peak by more than new entries should risk.",
        "book_full": "The positions held already carry much of the risk that the book may carry.",
        "missing_figure": "A figure that the rules need is not known.",
    }
)
"""Code to meaning. `missing_figure` belongs to the rules critic alone."""
