"""A decision as rows: what of it goes into which column."""

from decimal import Decimal

from psycopg.types.json import Jsonb

from tenthman.domain.audit import Decision
from tenthman.domain.canonical import content_hash, plain
from tenthman.domain.opinion import Abstain, Critique, Enter, Veto
from tenthman.domain.order import Denial, SizedOrder


def body_hash(decision: Decision) -> str:
    """Hash of everything decided: equal in two runs that agree. How long a critic took is no part of it."""
    body = plain(decision)
    if isinstance(body, dict):
        body["critiques"] = [
            {name: value for name, value in critique.items() if name != "latency_ms"} for critique in body["critiques"]
        ]
    return content_hash(body)


def decision_row(run_id: str, decision: Decision) -> list[object]:
    """Parameters of `insert_decision`."""
    signal, outcome = decision.signal, decision.outcome
    when = [decision.session, decision.slot.value, decision.as_of, decision.ticker, decision.case_hash]
    proposed = [None, None] if signal is None else [signal.action.value, signal.score]
    verdict = [type(decision.verdict).__name__.lower(), Jsonb(plain(decision.verdict))]
    result = [
        outcome.rule if isinstance(outcome, Denial) else None,
        Jsonb([] if outcome is None else plain(outcome.checks)),
        outcome.client_order_id if isinstance(outcome, SizedOrder) else None,
    ]
    made_by = [body_hash(decision), decision.config_hash, decision.model_version]
    return [run_id, decision.id, *when, *proposed, *verdict, *result, *made_by]


def critique_row(run_id: str, decision_id: str, critique: Critique) -> dict[str, object]:
    """Parameters of `insert_critique`."""
    return {
        "run": run_id,
        "decision": decision_id,
        "role": critique.role.value,
        "model": critique.model,
        "binding": critique.binding,
        "state": critique.state.value,
        "stance": critique.stance.value,
        "size": critique.size_fraction,
        "reasons": list(critique.reasons),
        "cited": list(critique.cited),
        "invalid": list(critique.invalid_citations),
        "confidence": critique.confidence_pct,
        "prompt": critique.prompt_hash,
        "latency": critique.latency_ms,
        "detail": critique.detail,
    }


def shadow_row(run_id: str, decision: Decision) -> list[object] | None:
    """What the committee took away of the order that risk would have sent; None when nothing."""
    shadow, sent = decision.shadow, decision.outcome
    if shadow is None:
        return None
    taken = shadow.quantity - (sent.quantity if isinstance(sent, SizedOrder) else Decimal(0))
    if taken <= 0:
        return None
    match decision.verdict:
        case Veto():
            cause = "veto"
        case Enter():
            cause = "shrink"
        case Abstain():
            cause = "abstain"
        case _:
            raise ValueError(f"{decision.id}: a shadow must come from a veto, a shrink or an abstention")
    if decision.signal is None:
        raise ValueError(f"{decision.id}: a shadow must have a signal, whose horizon ends it")
    prices = [shadow.limit_price, shadow.stop_price, shadow.target_price]
    horizon = decision.signal.horizon_sessions
    return [run_id, decision.id, decision.ticker, cause, taken, *prices, horizon, decision.session]
