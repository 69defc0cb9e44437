"""A decision as rows: what of it goes into which column."""

from decimal import Decimal

from psycopg.types.json import Jsonb

from tenthman.domain.audit import Decision
from tenthman.domain.canonical import content_hash, plain
from tenthman.domain.opinion import Abstain, Critique, Enter, Veto
from tenthman.domain.order import Denial, SizedOrder
from tenthman.scheduler.record import Shadow


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
        "digest": critique.model_digest or None,
        "template": critique.template_hash or None,
    }


def shadow_of(decision: Decision) -> Shadow | None:
    """What the committee took away of the order that risk would have sent; None when nothing."""
    whole, sent = decision.shadow, decision.outcome
    if whole is None:
        return None
    taken = whole.quantity - (sent.quantity if isinstance(sent, SizedOrder) else Decimal(0))
    return bracket_of(decision, whole, taken, _cause(decision)) if taken > 0 else None


def bracket_of(decision: Decision, order: SizedOrder, quantity: Decimal, cause: str) -> Shadow:
    """`quantity` of the entry `order`, to be followed as a shadow. ValueError where prices or signal are missing."""
    if decision.signal is None:
        raise ValueError(f"{decision.id}: a shadow must have a signal, whose horizon ends it")
    if order.limit_price is None or order.stop_price is None or order.target_price is None:
        raise ValueError(f"{decision.id}: a shadow must have limit, stop and target prices")
    return Shadow(
        decision_id=decision.id,
        as_of=decision.as_of,
        ticker=decision.ticker,
        cause=cause,
        quantity=quantity,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        target_price=order.target_price,
        horizon_sessions=decision.signal.horizon_sessions,
        opened_session=decision.session,
    )


def shadow_row(run_id: str, shadow: Shadow) -> list[object]:
    """Parameters of `insert_shadow`."""
    what = [shadow.decision_id, shadow.ticker, shadow.cause, shadow.quantity]
    prices = [shadow.limit_price, shadow.stop_price, shadow.target_price]
    return [run_id, *what, *prices, shadow.horizon_sessions, shadow.opened_session]


def _cause(decision: Decision) -> str:
    match decision.verdict:
        case Veto():
            return "veto"
        case Enter():
            return "shrink"
        case Abstain():
            return "abstain"
        case _:
            raise ValueError(f"{decision.id}: a shadow must come from a veto, a shrink or an abstention")
