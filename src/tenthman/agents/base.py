"""An agent is two pure functions: `render` a case into a prompt, `read` a reply into a critique.

1. `templates`: the texts of the prompts folder and the hash of what they say.
2. `render`: system text and case (shared by all roles, so that a server reads them once), then the role's instruction
   and the schema of its answer. Text from outside is quoted as data and cannot leave its quotes.
3. `read`: JSON of exactly the schema's shape, or no opinion. Nothing is guessed, mended or read out of prose. A reply
   is read as points: the first cited id shows the first reason. A point whose id the case does not have is struck.
"""

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.resources import files
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from tenthman.agents.prose import RATIONALE_CHARACTERS, shown_failure, shown_id, shown_rationale
from tenthman.agents.text import clean
from tenthman.agents.vocabulary import VOCABULARY
from tenthman.config import RoleSettings
from tenthman.domain.canonical import content_hash
from tenthman.domain.news import Passage
from tenthman.domain.opinion import Case, Critique, Figure, Prompt, Reply, ReplyState, Role, Stance

HEADLINE_CHARACTERS = 140
NAME_CHARACTERS = 40
REPLY_CHARACTERS = 20_000
"""A reply longer than this is not an answer to a question of a few codes."""

REPAIR = "Your last answer was not one JSON object of these fields and codes. Answer again with that object alone."
"""Put once after an answer that could not be read. It quotes nothing of it: no model's words reach a prompt."""

CASE_OPENS = "<case>\n"
CASE_CLOSES = "</case>\n"

SHOWN = (
    "rsi_14",
    "realised_vol_20",
    "return_1",
    "return_20",
    "volume_z_20",
    "gap_atr",
    "move_atr",
    "p_buy",
    "p_sell",
    "reward_risk",
    "sector_fraction",
    "drawdown",
    "open_risk_fraction",
)
"""Figures put to agents, in this order: a small model reads a short case, and a short case is quick to read."""

AGENT_ROLES = (Role.ANALYST, Role.BULL, Role.BEAR, Role.RISK, Role.COMMITTEE)

_PLACE = re.compile(r"\{\{([a-z_]+)\}\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """What one role may say: its stances and reasons, in the order in which they are offered."""

    role: Role
    stances: tuple[str, ...]
    reasons: tuple[str, ...]

    def __post_init__(self) -> None:
        unknown = sorted(set(self.reasons) - set(VOCABULARY))
        if unknown:
            raise ValueError(f"`reasons` of {self.role.value} must be codes of the vocabulary, were also {unknown}")
        if not {"approve", "shrink", "veto", "abstain"} >= set(self.stances) or not self.stances:
            raise ValueError(f"`stances` of {self.role.value} must be known ones, were {self.stances}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Templates:
    """The texts shipped with the package. `hash` changes with any letter of them and with the vocabulary."""

    system: str
    instructions: Mapping[Role, str]
    hash: str


@functools.cache
def templates() -> Templates:
    """The prompt templates, read once."""
    folder = files("tenthman.agents") / "prompts"
    texts = {name: (folder / f"{name}.md").read_text(encoding="utf-8").strip() for name in _template_names()}
    instructions = {role: texts[role.value] for role in AGENT_ROLES}
    shape = [texts, dict(VOCABULARY), SHOWN]
    return Templates(system=texts["system"], instructions=instructions, hash=content_hash(shape))


def template_hash(*, mask: bool) -> str:
    """The version of the prompts: the texts, and whether cases are put masked."""
    return content_hash([templates().hash, "masked"]) if mask else templates().hash


def fill(template: str, values: Mapping[str, str]) -> str:
    """`template` with every `{{name}}` replaced once; what is put in is never looked at again.

    Raises ValueError when a place has no value or a value has no place.
    """
    places = set(_PLACE.findall(template))
    if places != set(values):
        raise ValueError(f"`values` must be exactly {sorted(places)}, were {sorted(values)}")
    return _PLACE.sub(lambda match: values[match.group(1)], template)


def render(
    case: Case,
    brief: Brief,
    settings: RoleSettings,
    *,
    prose: bool,
    extra: Mapping[str, str] | None = None,
    mask: bool = False,
) -> Prompt:
    """The question to one role about `case`. `extra` fills the places of the role's template other than its stances.

    `prose` asks for a rationale of one line before the choices; `mask` says that `case` is masked, for the record.
    Equal arguments give an equal prompt.
    """
    loaded = templates()
    fields = (["rationale"] if prose else []) + ["reasons", "cited", "confidence_pct", "stance"]
    system = fill(loaded.system, {"fields": ", ".join(fields), "reasons": ", ".join(_offered())})
    values = {"stances": ", ".join(brief.stances), **(extra or {})}
    return Prompt(
        role=brief.role,
        shared=f"{system}\n\n{case_text(case)}",
        instruction=fill(loaded.instructions[brief.role], values),
        schema_json=json.dumps(_schema(case, brief, prose=prose), separators=(",", ":")),
        max_tokens=settings.max_tokens,
        template_hash=template_hash(mask=mask),
    )


def repaired(prompt: Prompt) -> Prompt:
    """`prompt` as it is put a second time, after an answer to it that could not be read."""
    return replace(prompt, instruction=f"{prompt.instruction}\n{REPAIR}")


def split(prompt: Prompt) -> tuple[str, str]:
    """`prompt` as system text and user text: the system text is ours alone, the case speaks from the user's side."""
    system, opens, rest = prompt.shared.partition(CASE_OPENS)
    return system.strip(), f"{opens}{rest}{prompt.instruction}"


def case_text(case: Case) -> str:
    """The case in lines of data, about 300 tokens: figures, then quoted headlines with sentiment and age."""
    plan = f"{clean(case.ticker, NAME_CHARACTERS)} {clean(case.name, NAME_CHARACTERS)}"
    lines = [
        f"buy {plan}, {clean(case.sector, NAME_CHARACTERS)}, for {case.signal.horizon_sessions} sessions",
        *(f"{figure.id} {clean(figure.name, NAME_CHARACTERS)} {figure.value:.3g}" for figure in shown_figures(case)),
        *(_quoted(passage, case.as_of) for passage in case.passages),
    ]
    if not case.passages:
        lines.append("no headlines")
    body = "\n".join(lines)
    return f"{CASE_OPENS}{body}\n{CASE_CLOSES}"


def shown_figures(case: Case) -> tuple[Figure, ...]:
    """The figures of `case` that agents are shown."""
    by_name = {figure.name: figure for figure in case.figures}
    return tuple(by_name[name] for name in SHOWN if name in by_name)


def read(
    reply: Reply, prompt: Prompt, case: Case, brief: Brief, *, binding: bool, shrink_fraction: float, prose: bool
) -> Critique:
    """The critique that `reply` holds; a state other than ANSWERED when it holds none. Never raises.

    Ids that the case does not have are dropped from `cited` and listed in `invalid_citations`; the reason that such an
    id was to show is struck, `detail` says so, and an answer without a reason left is INVALID. `{}` and the stance
    "abstain" are abstentions. An answer to another prompt is INVALID. A rationale with a number that the case does not
    show is left out.
    """
    if reply.state is not ReplyState.ANSWERED:
        told = shown_failure(reply.failure, own=_own_words(prompt))
        return _silent(reply, prompt, brief, binding, reply.state, told)
    if reply.prompt_hash != prompt.hash:
        return _silent(reply, prompt, brief, binding, ReplyState.INVALID, "the reply answers another prompt")
    try:
        answer = _parse(reply.text, brief, prose=prose)
    except ValueError as error:
        return _silent(reply, prompt, brief, binding, ReplyState.INVALID, clean(str(error), RATIONALE_CHARACTERS))
    if answer is None:
        return _silent(reply, prompt, brief, binding, ReplyState.ABSTAINED, "")
    points = points_of(answer, case)
    if not points.reasons:
        return _silent(reply, prompt, brief, binding, ReplyState.INVALID, points.told, points.invented)
    stance = Stance(answer.stance)
    rationale = ""
    if isinstance(answer, _ProseAnswer):
        rationale = shown_rationale(answer.rationale, case=prompt.shared, own=_own_words(prompt))
    return Critique(
        role=brief.role,
        model=reply.model,
        binding=binding,
        state=ReplyState.ANSWERED,
        stance=stance,
        size_fraction=size_of(stance, shrink_fraction),
        reasons=points.reasons,
        cited=points.cited,
        confidence_pct=answer.confidence_pct,
        invalid_citations=points.invented,
        prompt_hash=prompt.hash,
        latency_ms=reply.latency_ms,
        detail="; ".join(text for text in (rationale, points.told) if text),
    )


def _own_words(prompt: Prompt) -> str:
    return f"{split(prompt)[0]}\n{prompt.instruction}"


def size_of(stance: Stance, shrink_fraction: float) -> float:
    """What a stance leaves of an entry's size: all, `shrink_fraction` or nothing; no opinion takes nothing away."""
    return {Stance.VETO: 0.0, Stance.SHRINK: shrink_fraction}.get(stance, 1.0)


def _listed(value: object) -> object:
    """One code may stand without brackets: a model that names only one saves their tokens."""
    return [value] if isinstance(value, str) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """What a reply says once its points are struck that rest on ids which the case does not have (`invented`)."""

    reasons: tuple[str, ...]
    cited: tuple[str, ...]
    invented: tuple[str, ...]
    struck: tuple[str, ...]

    @property
    def told(self) -> str:
        """The strike in words; empty where nothing was invented."""
        if not self.invented:
            return ""
        lost = f"struck: {', '.join(self.struck)}; " if self.struck else ""
        return f"{lost}not in the case: {', '.join(self.invented)}"


def points_of(answer: "_Answer", case: Case) -> Points:
    """`answer` against `case`: the n-th id shows the n-th reason; further ids and reasons stand by themselves."""
    known = case.citable_ids
    struck = [code for code, id_ in zip(answer.reasons, answer.cited, strict=False) if id_ not in known]
    cited = tuple(dict.fromkeys(answer.cited))
    return Points(
        reasons=tuple(dict.fromkeys(code for code in answer.reasons if code not in struck)),
        cited=tuple(id_ for id_ in cited if id_ in known),
        invented=tuple(dict.fromkeys(shown_id(id_) for id_ in cited if id_ not in known)),
        struck=tuple(dict.fromkeys(struck)),
    )


class _Answer(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    reasons: Annotated[list[str], BeforeValidator(_listed), Field(min_length=1, max_length=2)]
    cited: Annotated[list[str], BeforeValidator(_listed), Field(max_length=3)]
    confidence_pct: Annotated[int, Field(ge=0, le=100)]
    stance: Literal["approve", "shrink", "veto", "abstain"]


class _ProseAnswer(_Answer):
    rationale: Annotated[str, Field(max_length=RATIONALE_CHARACTERS)]


def _parse(text: str, brief: Brief, *, prose: bool) -> _Answer | None:
    """The answer in `text`, None for an abstention; ValueError for anything that is not exactly an answer."""
    if len(text) > REPLY_CHARACTERS:
        raise ValueError(f"`text` must have at most {REPLY_CHARACTERS} characters, had {len(text)}")
    try:
        raw = json.loads(text, object_pairs_hook=_without_repeats)
    except RecursionError:
        raise ValueError("`text` is nested too deeply") from None
    if raw == {}:
        return None
    try:
        answer = (_ProseAnswer if prose else _Answer).model_validate(raw)
    except ValidationError as error:
        raise ValueError(_flaw(error)) from None
    if answer.stance == "abstain":
        return None
    if answer.stance not in brief.stances:
        raise ValueError(f"`stance` must be one of {brief.stances}, was {answer.stance!r}")
    if any(code not in brief.reasons for code in answer.reasons):
        raise ValueError(f"`reasons` must be codes offered to the {brief.role.value}, were also others")
    return answer


def _flaw(error: ValidationError) -> str:
    """What is wrong with an answer, in words of ours: a key or a value of the model's own making is not quoted."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = str(first["loc"][0]) if first["loc"] else "answer"
    return f"`{place if place in _ProseAnswer.model_fields else 'answer'}`: {first['msg']}"


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Parsers disagree about which of two equal keys counts, so an answer with both is none."""
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError(f"keys must be given once, were {len(keys)} of which {len(set(keys))} differ")
    return dict(pairs)


def _silent(
    reply: Reply,
    prompt: Prompt,
    brief: Brief,
    binding: bool,
    state: ReplyState,
    detail: str,
    invented: tuple[str, ...] = (),
) -> Critique:
    return Critique(
        role=brief.role,
        model=reply.model,
        binding=binding,
        state=state,
        stance=Stance.NONE,
        size_fraction=1.0,
        reasons=(),
        cited=(),
        confidence_pct=0,
        invalid_citations=invented,
        prompt_hash=prompt.hash,
        latency_ms=reply.latency_ms,
        detail=detail,
    )


def _schema(case: Case, brief: Brief, *, prose: bool) -> dict[str, object]:
    """The answer's JSON schema; the order of its properties is the order in which a server has them written.

    Everything is bounded, so that an answer must end. A model that cannot write names one reason and one id, without
    brackets, since it fills whatever room it is given and each further token costs time; one that can, two and three.
    `x-guidance` asks servers that know it for no white space.
    """
    ids = [*(figure.id for figure in shown_figures(case)), *(passage.id for passage in case.passages)]
    reason = {"type": "string", "enum": list(brief.reasons)}
    citation: dict[str, object] = {"type": "string", **({"enum": ids} if ids else {})}
    listed = prose or not ids
    properties: dict[str, object] = {
        "reasons": {"type": "array", "items": reason, "minItems": 1, "maxItems": 2} if prose else reason,
        "cited": {"type": "array", "items": citation, "maxItems": min(3, len(ids))} if listed else citation,
        "confidence_pct": {"type": "integer", "minimum": 0, "maximum": 100},
        "stance": {"type": "string", "enum": list(brief.stances)},
    }
    if prose:
        properties = {"rationale": {"type": "string", "maxLength": RATIONALE_CHARACTERS}, **properties}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
        "x-guidance": {"whitespace_flexible": False},
    }


def _quoted(passage: Passage, as_of: datetime) -> str:
    age = max(0, (as_of - passage.known_at).days)
    return f'{passage.id} "{clean(passage.text, HEADLINE_CHARACTERS)}" sent {passage.sentiment:+.2f} {age}d'


def _offered() -> list[str]:
    return [code for code in VOCABULARY if code != "missing_figure"]


def _template_names() -> tuple[str, ...]:
    return ("system", *(role.value for role in AGENT_ROLES))
