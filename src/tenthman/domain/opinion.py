"""Opinions: signals, cases, prompts, replies, critiques and verdicts.

A language model may only subtract: nothing here lets a critique create, enlarge, re-price or hurry an order.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import Enum

from tenthman.domain.canonical import content_hash
from tenthman.domain.checks import require_aware, require_fraction, require_positive, require_text
from tenthman.domain.news import Passage


class Action(Enum):
    """What the model proposes for a ticker."""

    BUY = "buy"
    SELL = "sell"
    HOLD = "hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """How much one feature moved a signal's score (XGBoost contribution, log-odds), and the value it had."""

    feature: str
    value: float | None
    contribution: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """The model's proposal for one ticker: class probabilities over the next `horizon_sessions`.

    `session` is the last bar it read; `base_score` is what the model says of nobody in particular (p_buy - p_sell of
    the class shares it was trained on), so that `excess` is what it says of this ticker.
    """

    ticker: str
    session: date
    action: Action
    p_buy: float
    p_hold: float
    p_sell: float
    horizon_sessions: int
    model_version: str
    base_score: float = 0.0
    contributions: tuple[Contribution, ...] = ()

    def __post_init__(self) -> None:
        for name in ("p_buy", "p_hold", "p_sell"):
            require_fraction(name, getattr(self, name))
        total = self.p_buy + self.p_hold + self.p_sell
        if abs(total - 1.0) > 1e-3:
            raise ValueError(f"{self.ticker}: `p_buy` + `p_hold` + `p_sell` must be 1, was {total}")
        if self.horizon_sessions < 1:
            raise ValueError(f"`horizon_sessions` must be at least 1, was {self.horizon_sessions}")

    @property
    def score(self) -> float:
        """p_buy - p_sell, in -1..1: what candidates are ranked by."""
        return self.p_buy - self.p_sell

    @property
    def excess(self) -> float:
        """The score above the model's base score: above zero, the ticker looks better than most."""
        return self.score - self.base_score


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number computed by the desk and shown to agents under an id ("f1") that a critique may cite."""

    id: str
    name: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """All that an agent may know about one candidate. Equal cases hash equal, so equal cases get equal prompts."""

    ticker: str
    name: str
    sector: str
    as_of: datetime
    signal: Signal
    last_close: float
    atr: float
    figures: tuple[Figure, ...]
    passages: tuple[Passage, ...]

    def __post_init__(self) -> None:
        require_aware("as_of", self.as_of)
        require_positive("last_close", self.last_close)
        require_positive("atr", self.atr)
        ids = [*(figure.id for figure in self.figures), *(passage.id for passage in self.passages)]
        if len(set(ids)) != len(ids):
            raise ValueError(f"{self.ticker}: figure and passage ids must be unique, were {ids}")

    @property
    def hash(self) -> str:
        """SHA-256 of the whole case: the key under which it is stored, and under which it is decided again."""
        return content_hash(self)

    @property
    def citable_ids(self) -> frozenset[str]:
        """Every id that a critique of this case may cite."""
        return frozenset({*(figure.id for figure in self.figures), *(passage.id for passage in self.passages)})

    def with_figures(self, extra: tuple[Figure, ...]) -> "Case":
        """The same case with more figures (the plan and the book), as it is put to the committee."""
        return replace(self, figures=(*self.figures, *extra))


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """An entry that the desk would make if risk and the committee let it: a long bracket at stated prices (USD).

    `last_price`: of which the others were made.
    """

    ticker: str
    signal: Signal
    last_price: Decimal
    limit_price: Decimal
    stop_price: Decimal
    target_price: Decimal
    horizon_sessions: int

    def __post_init__(self) -> None:
        require_positive("stop_price", self.stop_price)
        if self.stop_price >= self.limit_price:
            raise ValueError(f"`stop_price` must be below `limit_price` {self.limit_price}, was {self.stop_price}")
        if self.target_price <= self.limit_price:
            raise ValueError(f"`target_price` must be above `limit_price` {self.limit_price}, was {self.target_price}")


class Role(Enum):
    """Who speaks about a case. RULES is the deterministic critic; the others are language-model agents."""

    ANALYST = "analyst"
    BULL = "bull"
    BEAR = "bear"
    RISK = "risk"
    COMMITTEE = "committee"
    RULES = "rules"


class ReplyState(Enum):
    """What became of one question to a model; hold and veto are verdicts, not reply states."""

    ANSWERED = "answered"
    ABSTAINED = "abstained"
    INVALID = "invalid"
    TRUNCATED = "truncated"
    TIMED_OUT = "timed_out"
    UNREACHABLE = "unreachable"
    OVER_BUDGET = "over_budget"


OF_USE = frozenset({ReplyState.ANSWERED, ReplyState.ABSTAINED})
"""An opinion came, or none was held."""

PASSING = frozenset({ReplyState.UNREACHABLE, ReplyState.TIMED_OUT, ReplyState.OVER_BUDGET})
"""These say something about the moment and nothing about the model: the question may be put again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One question to a model. Text shared by all roles of a case comes first, so that servers can reuse it.

    `shared` is system text and case, `instruction` is the role's part; `schema_json` constrains the reply.
    """

    role: Role
    shared: str
    instruction: str
    schema_json: str
    max_tokens: int
    template_hash: str

    @property
    def hash(self) -> str:
        """SHA-256 over everything that the model sees; the key of the tape, together with the model's digest."""
        return content_hash(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back, raw. `text` is empty unless something arrived; ANSWERED here means only that it is complete.

    `latency_ms` is the whole wait; `read_ms` and `write_ms` are what the server says it spent on reading the prompt and
    on writing the reply (0 where it does not say). `options_json` is how it was asked: server, sampling and bounds.
    `failure` says in words why there is no answer; empty where there is one.
    """

    prompt_hash: str
    state: ReplyState
    text: str
    model: str
    model_digest: str
    prompt_tokens: int
    reply_tokens: int
    latency_ms: int
    from_tape: bool = False
    read_ms: int = 0
    write_ms: int = 0
    options_json: str = "{}"
    failure: str = ""


Ask = Callable[[tuple[Prompt, ...]], tuple[Reply, ...]]
"""The committee's one hole in the wall: prompts out, one reply for each in order. It never raises."""


class Stance(Enum):
    """What one critic would do with the entry. NONE: it gave no usable opinion."""

    APPROVE = "approve"
    SHRINK = "shrink"
    VETO = "veto"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Critique:
    """One critic's opinion of one case, in typed choices. Only a `binding` critique can change an order.

    `model_digest` and `template_hash` name the weights that were asked and the version of the prompts; "" where no
    model was asked.
    """

    role: Role
    model: str
    binding: bool
    state: ReplyState
    stance: Stance
    size_fraction: float
    reasons: tuple[str, ...]
    cited: tuple[str, ...]
    confidence_pct: int
    invalid_citations: tuple[str, ...]
    prompt_hash: str | None
    latency_ms: int
    detail: str = ""
    model_digest: str = ""
    template_hash: str = ""

    def __post_init__(self) -> None:
        require_fraction("size_fraction", self.size_fraction)
        if not 0 <= self.confidence_pct <= 100:
            raise ValueError(f"`confidence_pct` must lie in 0..100, was {self.confidence_pct}")
        if (self.state is not ReplyState.ANSWERED) != (self.stance is Stance.NONE):
            raise ValueError(f"a critique in state {self.state.value} cannot have stance {self.stance.value}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Enter:
    """The committee lets the entry pass at `size_fraction` of the size risk computed (1.0: whole)."""

    size_fraction: float
    reasons: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0.0 < self.size_fraction <= 1.0:
            raise ValueError(f"`size_fraction` must lie above 0 and at most 1, was {self.size_fraction}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """Close the position; exits never wait for the committee."""

    reason: str

    def __post_init__(self) -> None:
        require_text("reason", self.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Nothing to do, and why."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Veto:
    """A binding critic says no; `by` names it, `reasons` are codes from the documented vocabulary."""

    by: str
    reasons: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.reasons:
            raise ValueError("a `Veto` must carry at least one reason code")


@dataclass(frozen=True, slots=True, kw_only=True)
class Abstain:
    """No binding critic gave a usable opinion; `agents.yaml` says what an unreviewed entry becomes."""

    cause: str


Verdict = Enter | Exit | Hold | Veto | Abstain


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """The committee's whole answer on one case."""

    critiques: tuple[Critique, ...]
    verdict: Enter | Veto | Abstain
