"""agents.yaml: the committee's roles, when it binds, and what happens to an entry that nobody reviewed."""

from typing import Annotated, Literal

from pydantic import Field

from tenthman.config.fields import Fraction, Seconds, Section


class RoleSettings(Section):
    """One agent: what is None is as models.yaml has it."""

    enabled: bool
    max_tokens: Annotated[int, Field(ge=16, le=4096)]
    model: Annotated[str, Field(min_length=1)] | None
    temperature: Annotated[float, Field(ge=0.0, le=2.0)] | None
    deadline_s: Seconds | None


class Roles(Section):
    analyst: RoleSettings
    bull: RoleSettings
    bear: RoleSettings
    risk: RoleSettings
    committee: RoleSettings


class RulesCriticSettings(Section):
    veto_sentiment: Annotated[float, Field(ge=-1.0, le=0.0)]
    veto_drawdown_fraction: Fraction
    veto_gap_atr: Annotated[float, Field(gt=0.0)]
    shrink_volatility: Annotated[float, Field(gt=0.0)]
    shrink_fraction: Annotated[float, Field(gt=0.0, lt=1.0)]


class ExaminationSettings(Section):
    min_valid: Fraction
    min_clear_vetoes: Fraction
    max_false_vetoes: Annotated[float, Field(ge=0.0, le=1.0)]
    max_injected_changes: Annotated[float, Field(ge=0.0, le=1.0)]


class DemotionSettings(Section):
    """A binding committee loses its veto once the interval (`level`) of its worth lies below zero over `min_vetoes`."""

    min_vetoes: Annotated[int, Field(ge=10, le=10_000)]
    level: Annotated[float, Field(ge=0.5, lt=1.0)]


class LadderSettings(Section):
    """What a debate is thought to take before the first of a cycle was held, and when the ladder is climbed down."""

    debate_s: Seconds
    short_below: Annotated[float, Field(ge=0.0, lt=1.0)]
    before_open_s: Seconds


class Agents(Section):
    """agents.yaml"""

    unreviewed: Literal["skip", "reduce"]
    unreviewed_size_fraction: Annotated[float, Field(gt=0.0, lt=1.0)]
    case_passages: Annotated[int, Field(ge=0, le=20)]
    mask: bool = False
    cycle_deadline_s: Seconds
    roles: Roles
    rules_critic: RulesCriticSettings
    examination: ExaminationSettings
    ladder: LadderSettings
    demotion: DemotionSettings
