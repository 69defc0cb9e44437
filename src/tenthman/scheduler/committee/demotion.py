"""A committee that costs money loses its veto: by its own record, at once, and until it changes or a person says so.

After each close every committee that binds is judged on the entries that it took something from and that have ended as
shadow positions: the mean of their worth (worth.py) and its bootstrap interval. When the whole interval lies below zero
over enough of them, that model under those prompts is advisory from the next cycle on. Another model, another sampling
or other prompts are another committee, and begin with what their examination says; a person may reinstate the old one,
and its record begins anew there.
"""

from datetime import datetime

import structlog

from tenthman.config import DemotionSettings
from tenthman.domain.audit import Decision
from tenthman.domain.opinion import Role, Stance
from tenthman.scheduler.outcomes.worth import session_interval
from tenthman.scheduler.record import CommitteeKey, Ending, Evidence, Record, Shadow, worth_bp

log = structlog.get_logger(__name__)

SEED = 11


def judge_committees(record: Record, settings: DemotionSettings, horizon_sessions: int, at: datetime) -> int:
    """Demote every committee of `record` whose record asks for it; how many were demoted."""
    found: dict[CommitteeKey, list[Evidence]] = {}
    for item in record.committee_evidence():
        found.setdefault(item.committee, []).append(item)
    demoted = record.demoted_committees()
    judged = [key for key in sorted(found) if key not in demoted]
    return sum(_judge(record, key, found[key], settings, horizon_sessions, at) for key in judged)


def evidence_of(decision: Decision, shadow: Shadow, ending: Ending) -> Evidence | None:
    """What an ended shadow says of the committee; None where it was not entered or no binding committee objected."""
    if ending.entry is None:
        return None
    for critique in decision.critiques:
        if critique.role is Role.COMMITTEE and critique.binding and critique.stance in (Stance.VETO, Stance.SHRINK):
            return Evidence(
                committee=CommitteeKey(
                    model=critique.model, model_digest=critique.model_digest, template_hash=critique.template_hash
                ),
                decision_id=decision.id,
                session=decision.session,
                worth_bp=worth_bp(critique.size_fraction, shadow, ending),
            )
    return None


def _judge(
    record: Record,
    key: CommitteeKey,
    evidence: list[Evidence],
    settings: DemotionSettings,
    horizon_sessions: int,
    at: datetime,
) -> bool:
    ordered = sorted(evidence, key=lambda item: (item.session, item.decision_id))
    values = [item.worth_bp for item in ordered]
    if len(values) < settings.min_vetoes or sum(values) >= 0.0:
        return False
    sessions = [item.session for item in ordered]
    interval = session_interval(sessions, values, horizon_sessions, settings.level, SEED)
    if not interval.high < 0.0:
        return False
    told = {"vetoes": len(values), "mean_bp": interval.estimate, "low_bp": interval.low, "high_bp": interval.high}
    reason = (
        f"{len(values)} entries that it took something from: {interval.estimate:+.0f} bp each, "
        f"{settings.level:.0%} interval {interval.low:+.0f} to {interval.high:+.0f}"
    )
    record.demote_committee(key, reason, {**told, "level": settings.level}, at)
    log.warning("committee demoted", model=key.model, template=key.template_hash[:12], reason=reason)
    return True
