"""The analyst: weighs figures and headlines against each other, and may say anything that a critic may say."""

from tenthman.agents.base import Brief
from tenthman.domain.opinion import Role

ANALYST = Brief(
    role=Role.ANALYST,
    stances=("approve", "shrink", "veto", "abstain"),
    reasons=(
        "good_edge",
        "weak_edge",
        "good_news",
        "bad_news",
        "mixed_news",
        "no_news",
        "uptrend",
        "downtrend",
        "sharp_fall",
        "overbought",
    ),
)
