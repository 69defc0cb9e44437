"""Random markets and what decisions read of them, for comparing engines: halts, delistings, dividends."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
from tenthman_markets import small_market, weekdays

from tenthman.backtest.build import Study, linked_history, make_study
from tenthman.config import Config, with_sections
from tenthman.domain.features import FeaturePanel
from tenthman.domain.market import MarketData, Period
from tenthman.ml.calibration import Calibration
from tenthman.ml.inference import SignalModel
from tenthman.scheduler.models.signal_model import ModelFrom

HISTORY, TRADED = 70, 60


def random_market(seed: int, width: int = 14) -> MarketData:
    """Names that move 2 % a session with a crash in the middle; some halt for days, one is gone for good."""
    draw = np.random.default_rng(seed)
    count = HISTORY + TRADED
    moves = draw.normal(0.0005, 0.02, (count, width))
    crash = HISTORY + TRADED // 3
    moves[crash : crash + 3] -= 0.03
    close = draw.uniform(6.0, 300.0, width) * np.exp(np.cumsum(moves, axis=0))
    opens = np.vstack([close[:1], close[:-1]]) * np.exp(draw.normal(0.0, 0.008, close.shape))
    high = np.maximum(opens, close) * (1.0 + np.abs(draw.normal(0.0, 0.008, close.shape)))
    low = np.minimum(opens, close) * (1.0 - np.abs(draw.normal(0.0, 0.008, close.shape)))
    bars = np.round(np.stack([opens, high, low, close], axis=2), 4)
    for number in range(0, width, 3):
        start = int(draw.integers(HISTORY, count - 4))
        bars[start : start + int(draw.integers(1, 4)), number] = np.nan
    bars[HISTORY + TRADED // 4 :, 1] = np.nan
    bars[HISTORY + TRADED // 2 :, 2] = np.nan
    names = [f"{'ZYXWVUT'[number % 7]}{number}" for number in range(width)]
    days = weekdays(count)
    market = small_market(
        {name: [tuple(row) for row in bars[:, number].tolist()] for number, name in enumerate(names)},
        early_closes=days[HISTORY + 5 :: 11],
    )
    paid = np.where(draw.uniform(size=market.panel.close.shape) < 0.02, np.round(draw.uniform(0.0, 1.0), 3), 0.0)
    listings = tuple(
        replace(item, sector=f"S{number % 3}", issuer=f"I{number // 2}")
        for number, item in enumerate(market.universe.listings)
    )
    return replace(market, universe=replace(market.universe, listings=listings), dividends=paid)


def flawed(market: MarketData, seed: int, share: float = 0.02) -> MarketData:
    """`market` with bars here and there, and in every name, in which no share was traded."""
    draw, panel = np.random.default_rng(seed), market.panel
    hit = draw.uniform(size=panel.volume.shape) < share
    hit[:, panel.column(market.universe.index_ticker)] = False
    told = replace(market.provenance, content_hash=f"{market.provenance.content_hash[::-1]}")
    volume = np.where(hit & ~np.isnan(panel.volume), 0.0, panel.volume)
    return replace(market, panel=replace(panel, volume=volume), provenance=told)


def with_changes(config: Config, **changes: dict[str, object]) -> Config:
    """`config` with changed keys of `rules`, `drawdown`, `stops`, `signal`, `costs` or `rehearsal`, validated."""
    rules = config.risk_rules
    parts = {
        "drawdown": {**rules.drawdown.model_dump(), **changes.get("drawdown", {})},
        "stops": {**rules.stops.model_dump(), **changes.get("stops", {})},
    }
    rules = type(rules).model_validate({**rules.model_dump(), **parts, **changes.get("rules", {})})
    models = config.models.model_copy(
        update={"signal": config.models.signal.model_copy(update=changes.get("signal", {}))}
    )
    settings = config.settings.model_copy(
        update={
            "costs": config.settings.costs.model_copy(update=changes.get("costs", {})),
            "rehearsal": config.settings.rehearsal.model_copy(update=changes.get("rehearsal", {})),
        }
    )
    return with_sections(config, settings=settings, models=models, risk_rules=rules)


def study_on(market: MarketData, config: Config, first_row: int = HISTORY, rows: int = TRADED) -> Study:
    """The study of `rows` sessions from `first_row` on, under a model that believes something else of each name."""
    hours = market.hours
    period = Period(first=hours[first_row].session, last=hours[first_row + rows - 1].session)
    history = linked_history(market, period, config.settings.schedule)
    study = make_study(config, market, period, history, ())
    model = superstitious_model(study.features[0])
    return replace(study, schedule=(ModelFrom(first_session=period.first, model=model),))


def superstitious_model(features: FeaturePanel) -> SignalModel:
    """Trees grown on drawn classes: they have opinions on every row, and no reason for any."""
    from xgboost import DMatrix, train

    ranks = features.select(tuple(name for name in features.names if name.startswith("rank_")))
    values = ranks.values.reshape(-1, len(ranks.names)).astype(np.float32)
    values = values[~np.isnan(values).all(axis=1)]
    classes = np.random.default_rng(5).integers(0, 3, len(values))
    settings = {"objective": "multi:softprob", "num_class": 3, "max_depth": 3, "eta": 0.3, "nthread": 1, "seed": 1}
    return SignalModel(
        version="superstitious",
        feature_names=ranks.names,
        feature_set_hash=ranks.set_hash,
        base_score=0.0,
        calibration=Calibration(slope=1.0, shares=(1 / 3, 1 / 3, 1 / 3)),
        booster=train(settings, DMatrix(values, label=classes, feature_names=list(ranks.names), nthread=1), 12),
    )


def cash_of(config: Config) -> Decimal:
    """The cash that a run starts with."""
    return Decimal(config.settings.rehearsal.starting_cash_usd)
