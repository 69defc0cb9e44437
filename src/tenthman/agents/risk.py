"""The risk officer: looks at what the purchase does to the book. The limits themselves are arithmetic, elsewhere."""

from tenthman.agents.base import Brief
from tenthman.domain.opinion import Role

RISK = Brief(
    role=Role.RISK,
    stances=("approve", "shrink", "veto", "abstain"),
    reasons=("calm", "fair_reward", "volatile", "thin_reward", "concentrated", "drawdown", "book_full", "sharp_fall"),
)
