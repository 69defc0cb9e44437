"""The committee: five agents are asked, the deterministic critic is always heard, and binding opinions decide.

1. The rules critic speaks; its veto ends it, and no model is asked what can change nothing. 2. Analyst, bull, bear and
risk officer are asked at once. 3. The committee agent is asked with their opinions before it. 4. `verdict`: a binding
veto ends it; a binding shrink shrinks; else the entry passes. An answer that cannot be read is asked for once more.

A language model can only subtract from what the rules critic alone would let pass. Its committee agent binds only
where the model has passed its examination, the other four never do. If it gives no usable answer, the rules' opinion
stands alone. If the rules critic has no opinion, no model's approval replaces it: the entry is unreviewed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tenthman.agents.analyst import ANALYST
from tenthman.agents.base import Brief, render, repaired
from tenthman.agents.bear import BEAR
from tenthman.agents.bull import BULL
from tenthman.agents.masking import Masked, masked, unmasked
from tenthman.agents.reading import read
from tenthman.agents.risk import RISK
from tenthman.agents.rules import rules_critique
from tenthman.config import Agents, Roles, RoleSettings
from tenthman.domain.opinion import (
    OF_USE,
    Abstain,
    Ask,
    Case,
    Critique,
    Enter,
    Prompt,
    Reply,
    ReplyState,
    Review,
    Role,
    Stance,
    Veto,
)

COMMITTEE = Brief(
    role=Role.COMMITTEE,
    stances=("approve", "shrink", "veto", "abstain"),
    reasons=(
        "good_edge",
        "weak_edge",
        "good_news",
        "bad_news",
        "mixed_news",
        "sharp_fall",
        "heavy_selling",
        "downtrend",
        "uptrend",
        "volatile",
        "thin_reward",
        "concentrated",
        "drawdown",
        "book_full",
    ),
)

ADVISERS = (ANALYST, BULL, BEAR, RISK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Who answers, and whether its committee agent binds: only after the examination was passed.

    `prose`: the model can write, so a rationale of one line is asked for.
    """

    model: str
    digest: str
    binding: bool
    prose: bool = False


NO_MODEL = Standing(model="", digest="", binding=False)
"""The standing that goes with no `ask`."""


def review(
    case: Case,
    ask: Ask | None,
    settings: Agents,
    standing: Standing,
    drawdown: float,
    advisers: tuple[Brief, ...] = ADVISERS,
) -> Review:
    """All opinions of `case` and what they come to. `drawdown` is a fraction below the book's peak.

    `advisers` are asked before the committee agent, as far as they are switched on. `ask` None switches the language
    model off: the rules critic decides alone. Raises only what `ask` raises.
    """
    rules = rules_critique(case, settings.rules_critic, drawdown)
    settled = rules.stance is Stance.VETO
    spoken = () if ask is None or settled else language_critiques(case, ask, settings, standing, advisers)
    critiques = (*spoken, rules)
    return Review(critiques=critiques, verdict=verdict(critiques))


def language_critiques(
    case: Case, ask: Ask, settings: Agents, standing: Standing, advisers: tuple[Brief, ...] = ADVISERS
) -> tuple[Critique, ...]:
    """The agents' opinions in the order of speaking; roles switched off are left out.

    With `settings.mask` the case is put masked, and what is said of it comes back with the names that it has.
    """
    put = as_put(case, settings)
    speaking = tuple(brief for brief in advisers if role_settings(settings.roles, brief).enabled)
    prompts = tuple(_render(put, brief, settings, standing, None) for brief in speaking)
    advice = _ask_all(put, ask, speaking, prompts, settings, standing)
    if not settings.roles.committee.enabled:
        return advice
    last = _render(put, COMMITTEE, settings, standing, {"opinions": _spoken(advice)})
    return (*advice, *_ask_all(put, ask, (COMMITTEE,), (last,), settings, standing))


def verdict(critiques: tuple[Critique, ...]) -> Enter | Veto | Abstain:
    """What the binding critiques come to; those that do not bind change nothing."""
    binding = tuple(critique for critique in critiques if critique.binding)
    vetoes = tuple(critique for critique in binding if critique.stance is Stance.VETO)
    if vetoes:
        by = " and ".join(sorted(critique.role.value for critique in vetoes))
        return Veto(by=by, reasons=_reasons(vetoes))
    silent = [critique for critique in binding if critique.role is Role.RULES and critique.stance is Stance.NONE]
    if silent or not binding:
        return Abstain(cause=f"rules: {silent[0].detail}" if silent else "no binding critic")
    shrinks = tuple(critique for critique in binding if critique.stance is Stance.SHRINK)
    size = min((critique.size_fraction for critique in shrinks), default=1.0)
    return Enter(size_fraction=size, reasons=_reasons(shrinks))


def as_put(case: Case, settings: Agents) -> Masked:
    """`case` as models are shown it: masked or not."""
    return masked(case) if settings.mask else unmasked(case)


def _ask_all(
    put: Masked, ask: Ask, briefs: tuple[Brief, ...], prompts: tuple[Prompt, ...], settings: Agents, standing: Standing
) -> tuple[Critique, ...]:
    """One critique for each prompt. An answer that came whole and could not be read is asked for once more."""
    if not prompts:
        return ()
    shrink = settings.rules_critic.shrink_fraction

    def critique_of(reply: Reply, prompt: Prompt, brief: Brief) -> Critique:
        binding = standing.binding and brief.role is Role.COMMITTEE
        said = read(reply, prompt, put.case, brief, binding=binding, shrink_fraction=shrink, prose=standing.prose)
        told = put.back(said.detail)
        return replace(said, detail=told, model_digest=standing.digest, template_hash=prompt.template_hash)

    replies = _replies(ask, prompts, standing)
    first = tuple(map(critique_of, replies, prompts, briefs))
    spoilt = {
        number: repaired(prompts[number])
        for number, (reply, critique) in enumerate(zip(replies, first, strict=True))
        if reply.state is ReplyState.ANSWERED and critique.state is ReplyState.INVALID
    }
    if not spoilt:
        return first
    again = dict(zip(spoilt, _replies(ask, tuple(spoilt.values()), standing), strict=True))
    second = {number: critique_of(reply, spoilt[number], briefs[number]) for number, reply in again.items()}
    return tuple(_better(critique, second.get(number)) for number, critique in enumerate(first))


def _better(first: Critique, second: Critique | None) -> Critique:
    """The second critique where it is of use, with the time of both; else the first, and what became of the second."""
    if second is None:
        return first
    spent = first.latency_ms + second.latency_ms
    if second.state in OF_USE:
        return replace(second, latency_ms=spent)
    return replace(first, latency_ms=spent, detail=f"{first.detail}; asked again: {second.state.value}")


def _replies(ask: Ask, prompts: tuple[Prompt, ...], standing: Standing) -> tuple[Reply, ...]:
    by_hash = {reply.prompt_hash: reply for reply in ask(prompts)}
    return tuple(by_hash.get(prompt.hash) or _unanswered(prompt, standing) for prompt in prompts)


def _unanswered(prompt: Prompt, standing: Standing) -> Reply:
    """Stands in for a reply that the backend owed and did not give."""
    return Reply(
        prompt_hash=prompt.hash,
        state=ReplyState.UNREACHABLE,
        text="",
        model=standing.model,
        model_digest=standing.digest,
        prompt_tokens=0,
        reply_tokens=0,
        latency_ms=0,
        failure="no reply came back for this question",
    )


def _render(put: Masked, brief: Brief, settings: Agents, standing: Standing, extra: Mapping[str, str] | None) -> Prompt:
    own = role_settings(settings.roles, brief)
    return render(put.case, brief, own, prose=standing.prose, extra=extra, mask=settings.mask)


def role_settings(roles: Roles, brief: Brief) -> RoleSettings:
    """The settings of the role that `brief` speaks for; ValueError for the rules critic, which is not asked."""
    match brief.role:
        case Role.ANALYST:
            return roles.analyst
        case Role.BULL:
            return roles.bull
        case Role.BEAR:
            return roles.bear
        case Role.RISK:
            return roles.risk
        case Role.COMMITTEE:
            return roles.committee
        case Role.RULES:
            raise ValueError("the rules critic is not asked")


def _spoken(advice: tuple[Critique, ...]) -> str:
    """Opinions in codes only: nothing that a model wrote freely reaches another prompt."""
    parts = [
        f"{critique.role.value} {critique.stance.value} {critique.confidence_pct} {' '.join(critique.reasons)}".strip()
        for critique in advice
    ]
    return "; ".join(parts) or "none"


def _reasons(critiques: tuple[Critique, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(code for critique in critiques for code in critique.reasons))
