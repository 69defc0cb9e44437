"""An agent is two pure functions: `render` a case into a prompt, and `read` (reading.py) a reply into a critique.

1. `templates`: the texts of the prompts folder and the hash of what they say.
2. `render`: system text and case (shared by all roles, so that a server reads them once), then the role's instruction
   and the schema of its answer. Text from outside is quoted as data and cannot leave its quotes.
"""

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.resources import files

from tenthman.agents.prose import RATIONALE_CHARACTERS
from tenthman.agents.text import clean
from tenthman.agents.vocabulary import VOCABULARY
from tenthman.config import RoleSettings
from tenthman.domain.canonical import content_hash
from tenthman.domain.news import Passage
from tenthman.domain.opinion import Case, Figure, Prompt, Role

HEADLINE_CHARACTERS = 140
NAME_CHARACTERS = 40
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
