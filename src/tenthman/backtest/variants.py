"""The same desk under other terms: at other costs, without the limits on the whole book, and compiled."""

from dataclasses import dataclass
from decimal import Decimal

from tenthman.backtest.inputs import Inputs
from tenthman.backtest.result import BacktestResult
from tenthman.config import Config, CostSettings, RiskRules, with_sections
from tenthman.domain.errors import ConfigError

MULTIPLES = (1.0, 2.0, 3.0)
"""Of the configured costs, at which each run is shown."""

_DECIMALS = 2
_MOST_BP = 1_000.0
"""What a cost may have, and be, in basis points."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """The compiled engine under one configuration, committee off: inputs to result. It travels between processes."""

    config: Config

    def __call__(self, inputs: Inputs) -> BacktestResult:
        from tenthman.backtest.kernel import simulate

        config = self.config
        return simulate(
            inputs,
            config.risk_rules,
            config.models.signal,
            config.settings.costs,
            Decimal(config.settings.rehearsal.starting_cash_usd),
        )


def at_costs(config: Config, multiple: float) -> Config:
    """`config` with spread and slippage multiplied, to 1/100 bp; at 1 it is the same, hash included.

    ConfigError where one of them comes to more than a cost may be.
    """
    if multiple == 1.0:
        return config
    priced = {name: round(value * multiple, _DECIMALS) for name, value in config.settings.costs.model_dump().items()}
    for name, value in priced.items():
        if value > _MOST_BP:
            raise ConfigError(f"`costs.{name}` in settings.yaml times {multiple:g} must be at most 1000, was {value:g}")
    costs = CostSettings.model_validate(priced)
    return with_sections(config, settings=config.settings.model_copy(update={"costs": costs}))


def at_multiples(config: Config) -> dict[float, Config]:
    """`config` at each of MULTIPLES. ConfigError as in `at_costs`."""
    return {multiple: at_costs(config, multiple) for multiple in MULTIPLES}


def without_limits(config: Config) -> Config:
    """`config` without the limits on the book as a whole: what the model does alone, sized trade by trade.

    Kept are the risk of a trade, the share of one name, one position a name, what is asked of a name by itself (price,
    volume, faulty bars, dates, cooling off), and that a cash account cannot borrow.
    """
    rules = config.risk_rules
    drawdown = {"limit_fraction": 1.0, "own_limits": None, "open_risk_per_distance": 10.0}
    free = {
        "max_open_risk_fraction": 1.0,
        "max_positions": 500,
        "max_sector_fraction": 1.0,
        "max_gross_fraction": 1.0,
        "min_cash_fraction": 0.0,
        "max_positions_per_issuer": 500,
        "max_entries_per_run": 500,
        "max_turnover_fraction": None,
        "cluster": None,
        "drawdown": {**rules.drawdown.model_dump(), **drawdown},
    }
    return with_sections(config, risk_rules=RiskRules.model_validate({**rules.model_dump(), **free}))
