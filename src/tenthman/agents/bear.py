"""The bear: speaks against the purchase. Letting it pass is not among its words; finding nothing is an abstention."""

from tenthman.agents.base import Brief
from tenthman.domain.opinion import Role

BEAR = Brief(
    role=Role.BEAR,
    stances=("shrink", "veto", "abstain"),
    reasons=(
        "weak_edge",
        "bad_news",
        "mixed_news",
        "sharp_fall",
        "heavy_selling",
        "downtrend",
        "overbought",
        "volatile",
        "thin_reward",
    ),
)
