"""The deterministic critic: a dozen rules on figures and headlines, always binding, never in need of a model.

A rule that lacks a figure does not let the entry pass blindly: unless another rule vetoes, the critic abstains with
`missing_figure`, and `agents.yaml` says what becomes of an unreviewed entry. Headlines are no figures: a company that
nobody writes about is not suspicious. Any veto counts; shrinks do not add up.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tenthman.agents.reading import size_of
from tenthman.config import RulesCriticSettings
from tenthman.domain.opinion import Case, Critique, ReplyState, Role, Stance

MODEL = "rules"

OVERBOUGHT_RSI = 80.0
"""Wilder (1978) calls 70 overbought; ten points more, since swing entries follow strength."""
FALLING_RETURN_20 = -0.20
"""A fifth lost in four weeks: worse than about one month in fifty of a large company."""
SELLING_RETURN_1 = -0.03
SELLING_VOLUME_Z = 3.0
"""Three per cent down on volume three deviations above its mean: someone knows, or must sell."""
MIN_REWARD_RISK = 1.0
NEAR_SECTOR_FRACTION = 0.28
NEAR_OPEN_RISK_FRACTION = 0.028
"""Just under the desk's usual caps on a sector and on open risk: the last entry before a cap is taken smaller."""
STRONG_SENTIMENT = 0.5

REQUIRED = (
    "rsi_14",
    "realised_vol_20",
    "return_1",
    "return_20",
    "volume_z_20",
    "gap_atr",
    "move_atr",
    "reward_risk",
    "sector_fraction",
    "open_risk_fraction",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the rules read: figures by name (all of REQUIRED), headlines' sentiments, the signal's excess, drawdown."""

    figures: Mapping[str, float]
    sentiments: tuple[float, ...]
    score: float
    drawdown: float
    settings: RulesCriticSettings

    def __getitem__(self, name: str) -> float:
        """The figure `name`; KeyError where the case does not have it."""
        return self.figures[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One objection: its reason code, how strong it is, whether it applies, and the figures it cites."""

    reason: str
    stance: Stance
    applies: Callable[[Facts], bool]
    cites: tuple[str, ...] = ()


def _in_drawdown(facts: Facts) -> bool:
    return not facts.drawdown < facts.settings.veto_drawdown_fraction


def _bad_news(facts: Facts) -> bool:
    count = len(facts.sentiments)
    return count > 0 and not sum(facts.sentiments) / count > facts.settings.veto_sentiment


def _mixed_news(facts: Facts) -> bool:
    return bool(facts.sentiments) and (
        min(facts.sentiments) <= -STRONG_SENTIMENT and max(facts.sentiments) >= STRONG_SENTIMENT
    )


def _fell(facts: Facts, name: str) -> bool:
    return facts[name] <= -facts.settings.veto_gap_atr


RULES = (
    Rule(reason="drawdown", stance=Stance.VETO, cites=("drawdown",), applies=_in_drawdown),
    Rule(reason="weak_edge", stance=Stance.VETO, cites=("p_buy", "p_sell"), applies=lambda facts: facts.score <= 0.0),
    Rule(reason="bad_news", stance=Stance.VETO, applies=_bad_news),
    Rule(reason="sharp_fall", stance=Stance.VETO, cites=("gap_atr",), applies=lambda facts: _fell(facts, "gap_atr")),
    Rule(reason="sharp_fall", stance=Stance.VETO, cites=("move_atr",), applies=lambda facts: _fell(facts, "move_atr")),
    Rule(
        reason="heavy_selling",
        stance=Stance.VETO,
        cites=("return_1", "volume_z_20"),
        applies=lambda facts: facts["return_1"] <= SELLING_RETURN_1 and facts["volume_z_20"] >= SELLING_VOLUME_Z,
    ),
    Rule(
        reason="thin_reward",
        stance=Stance.VETO,
        cites=("reward_risk",),
        applies=lambda facts: facts["reward_risk"] < MIN_REWARD_RISK,
    ),
    Rule(
        reason="volatile",
        stance=Stance.SHRINK,
        cites=("realised_vol_20",),
        applies=lambda facts: facts["realised_vol_20"] > facts.settings.shrink_volatility,
    ),
    Rule(
        reason="overbought",
        stance=Stance.SHRINK,
        cites=("rsi_14",),
        applies=lambda facts: facts["rsi_14"] >= OVERBOUGHT_RSI,
    ),
    Rule(
        reason="downtrend",
        stance=Stance.SHRINK,
        cites=("return_20",),
        applies=lambda facts: facts["return_20"] <= FALLING_RETURN_20,
    ),
    Rule(reason="mixed_news", stance=Stance.SHRINK, applies=_mixed_news),
    Rule(
        reason="concentrated",
        stance=Stance.SHRINK,
        cites=("sector_fraction",),
        applies=lambda facts: facts["sector_fraction"] >= NEAR_SECTOR_FRACTION,
    ),
    Rule(
        reason="book_full",
        stance=Stance.SHRINK,
        cites=("open_risk_fraction",),
        applies=lambda facts: facts["open_risk_fraction"] >= NEAR_OPEN_RISK_FRACTION,
    ),
)


def rules_critique(case: Case, settings: RulesCriticSettings, drawdown: float) -> Critique:
    """The rules' opinion of `case`. `drawdown` is how far the book is below its peak, a fraction; NaN vetoes."""
    figures = MappingProxyType({figure.name: figure.value for figure in case.figures if math.isfinite(figure.value)})
    facts = Facts(
        figures=figures,
        sentiments=tuple(passage.sentiment for passage in case.passages),
        score=case.signal.excess,
        drawdown=drawdown,
        settings=settings,
    )
    objections = [rule for rule in RULES if _applies(rule, facts)]
    vetoes = [rule for rule in objections if rule.stance is Stance.VETO]
    missing = [name for name in REQUIRED if name not in figures]
    if vetoes:
        return _critique(case, Stance.VETO, vetoes, settings)
    if missing:
        return _unknown(missing)
    return _critique(case, Stance.SHRINK if objections else Stance.APPROVE, objections, settings)


def _applies(rule: Rule, facts: Facts) -> bool:
    """A rule that lacks a figure does not apply; `rules_critique` sees that it is missing."""
    try:
        return rule.applies(facts)
    except KeyError:
        return False


def _critique(case: Case, stance: Stance, rules: list[Rule], settings: RulesCriticSettings) -> Critique:
    ids = {figure.name: figure.id for figure in case.figures}
    names = [name for rule in rules for name in rule.cites if name in ids]
    news = [passage.id for passage in case.passages if any(rule.reason.endswith("_news") for rule in rules)]
    return Critique(
        role=Role.RULES,
        model=MODEL,
        binding=True,
        state=ReplyState.ANSWERED,
        stance=stance,
        size_fraction=size_of(stance, settings.shrink_fraction),
        reasons=tuple(dict.fromkeys(rule.reason for rule in rules)),
        cited=tuple(dict.fromkeys([*(ids[name] for name in names), *news])),
        confidence_pct=100,
        invalid_citations=(),
        prompt_hash=None,
        latency_ms=0,
    )


def _unknown(missing: list[str]) -> Critique:
    return Critique(
        role=Role.RULES,
        model=MODEL,
        binding=True,
        state=ReplyState.ABSTAINED,
        stance=Stance.NONE,
        size_fraction=1.0,
        reasons=("missing_figure",),
        cited=(),
        confidence_pct=0,
        invalid_citations=(),
        prompt_hash=None,
        latency_ms=0,
        detail=f"not known: {', '.join(missing)}",
    )
