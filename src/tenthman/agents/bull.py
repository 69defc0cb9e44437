"""The bull: speaks for the purchase, and says so when there is little to say. It never vetoes."""

from tenthman.agents.base import Brief
from tenthman.domain.opinion import Role

BULL = Brief(
    role=Role.BULL,
    stances=("approve", "shrink", "abstain"),
    reasons=("good_edge", "weak_edge", "good_news", "no_news", "uptrend", "calm", "fair_reward"),
)
