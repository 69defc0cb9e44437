"""Configuration: four YAML files become frozen sections, refused at start when anything in them is wrong.

Secrets come from the environment alone. `Config.hash` covers every section that a decision depends on and goes into
each decision. What a key means, in which unit and within which bounds, stands once, in docs/configuration.md; a section
has a docstring where more is to be said.
"""

from tenthman.config.agents import (
    Agents,
    DemotionSettings,
    ExaminationSettings,
    LadderSettings,
    Roles,
    RoleSettings,
    RulesCriticSettings,
)
from tenthman.config.environment import Secrets
from tenthman.config.feeds import FeedSettings, NewsSettings
from tenthman.config.fields import PositiveInt, Section
from tenthman.config.loading import FILES, Config, load_config, with_sections
from tenthman.config.models import (
    DriftSettings,
    EmbeddingSettings,
    LanguageModelSettings,
    Models,
    PromotionSettings,
    SignalModelSettings,
    TuningSettings,
    WalkForwardSettings,
)
from tenthman.config.risk_rules import (
    BlackoutRules,
    ClusterRules,
    DataQualityRules,
    DrawdownRules,
    EarningsDate,
    RiskRules,
    StopRules,
    StructureRules,
)
from tenthman.config.settings import (
    BrokerSettings,
    CostSettings,
    DatabaseSettings,
    DataSettings,
    ScheduleSettings,
    Settings,
)

__all__ = [
    "FILES",
    "Agents",
    "BlackoutRules",
    "BrokerSettings",
    "ClusterRules",
    "Config",
    "CostSettings",
    "DataQualityRules",
    "DataSettings",
    "DatabaseSettings",
    "DemotionSettings",
    "DrawdownRules",
    "DriftSettings",
    "EarningsDate",
    "EmbeddingSettings",
    "ExaminationSettings",
    "FeedSettings",
    "LadderSettings",
    "LanguageModelSettings",
    "Models",
    "NewsSettings",
    "PositiveInt",
    "PromotionSettings",
    "RiskRules",
    "RoleSettings",
    "Roles",
    "RulesCriticSettings",
    "ScheduleSettings",
    "Secrets",
    "Section",
    "Settings",
    "SignalModelSettings",
    "StopRules",
    "StructureRules",
    "TuningSettings",
    "WalkForwardSettings",
    "load_config",
    "with_sections",
]
