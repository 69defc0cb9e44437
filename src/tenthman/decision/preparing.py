"""The market as known, ready to be decided on: features, facts and signals of every member at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import numpy as np

from tenthman.config import Config, RiskRules
from tenthman.data.market import MarketView
from tenthman.data.quality import suspects
from tenthman.decision.features import compute_features
from tenthman.domain.errors import DataMissing
from tenthman.domain.features import FeaturePanel
from tenthman.domain.market import Floats, Listing, Panel
from tenthman.domain.opinion import Signal
from tenthman.features.scaling import PREFIX
from tenthman.features.technical import atr
from tenthman.ml.inference import SignalModel, signals
from tenthman.risk.blackout import barred_on
from tenthman.risk.clusters import Moves, last_moves
from tenthman.risk.quality import Faults, last_faults
from tenthman.risk.structure import last_lows

LIQUIDITY_SESSIONS = 20


NEWS_CHANGE_ROWS = 11
"""How many rows of news features are computed to have the last one whole: it looks back 10 sessions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One member's numbers at the last bar, and the price it trades at now. `features` are levels; NaN is left out.

    `low`: the lowest of the sessions that `risk_rules.structure_stop` looks at, 0 where it is off or unknown. `faults`:
    how many of its last bars (`risk_rules.data_quality`) are missing or flagged; `barred`: a blackout.
    """

    listing: Listing
    last_price: float
    last_close: float
    atr: float
    median_volume: float
    features: Mapping[str, float]
    low: float = 0.0
    faults: int = 0
    barred: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """All that `decide` needs of the market: the last row of `features` was read; `skipped` says who sits out.

    `moves` (None: no rule asks) are what names did day by day of late.
    """

    as_of: datetime
    features: FeaturePanel
    signals: tuple[Signal, ...]
    facts: Mapping[str, Facts]
    skipped: Mapping[str, str]
    moves: Moves | None = None


def prepare(view: MarketView, model: SignalModel, prices: Mapping[str, Decimal], config: Config) -> Prepared:
    """Signals for every member of the universe whose numbers are known at `view.as_of`.

    `prices` are what members trade at now (USD). A member without a price, a bar in the last session, an ATR or any
    feature sits out. Raises DataMissing when the view holds no session at all.
    """
    panel = view.panel
    if not len(panel.sessions):
        raise DataMissing(f"`view` must hold at least one session, held none at {view.as_of}")
    features = compute_features(view, config, NEWS_CHANGE_ROWS)
    average_range = atr(panel, config.risk_rules.stops.atr_sessions)[-1]
    return prepare_on(view, features, average_range, known_faults(panel, config), model, prices, config)


def known_faults(panel: Panel, config: Config) -> Faults:
    """How many of each ticker's last bars are missing or flagged at the last session; zeros where no rule asks."""
    rules = config.risk_rules.data_quality
    if rules is None:
        return last_faults(panel, None)
    since = max(0, len(panel.sessions) - rules.sessions)
    return last_faults(panel, rules, suspects(panel, config.settings.data.stale_sessions, since))


def prepare_on(
    view: MarketView,
    features: FeaturePanel,
    average_range: Floats,
    faults: Faults,
    model: SignalModel,
    prices: Mapping[str, Decimal],
    config: Config,
) -> Prepared:
    """`prepare` where the numbers are there already: the last row of `features` is what is known at `view.as_of`.

    `average_range` (tickers,) is the average true range at the last session, USD; `faults` (tickers,) what
    `known_faults` finds at it.
    """
    facts, skipped = _facts(view, features, average_range, faults, prices, config.risk_rules)
    found = signals(
        model,
        features,
        len(features.sessions) - 1,
        tuple(facts),
        horizon_sessions=config.risk_rules.stops.horizon_sessions,
        entry_fraction=config.models.signal.entry_fraction,
        exit_fraction=config.models.signal.exit_fraction,
    )
    moves = last_moves(view.panel, config.risk_rules.cluster)
    return Prepared(as_of=view.as_of, features=features, signals=found, facts=facts, skipped=skipped, moves=moves)


def _facts(
    view: MarketView,
    features: FeaturePanel,
    average_range: Floats,
    faults: Faults,
    prices: Mapping[str, Decimal],
    rules: RiskRules,
) -> tuple[dict[str, Facts], dict[str, str]]:
    facts: dict[str, Facts] = {}
    skipped: dict[str, str] = {}
    panel = view.panel
    volumes = panel.volume[-LIQUIDITY_SESSIONS:]
    barred = barred_on(view.today, view.hours, rules.blackout)
    lows = last_lows(panel, rules.structure_stop)
    for listing in view.members():
        ticker = listing.ticker
        if ticker not in panel.tickers:
            skipped[ticker] = "no bars"
            continue
        column = panel.column(ticker)
        close, spread = float(panel.close[-1, column]), float(average_range[column])
        reason = _unfit(close, spread, prices.get(ticker), features.values[-1, column])
        if reason is not None:
            skipped[ticker] = reason
            continue
        known = {
            name: float(value)
            for name, value in zip(features.names, features.values[-1, column], strict=True)
            if np.isfinite(value) and not name.startswith(PREFIX)
        }
        facts[ticker] = Facts(
            listing=listing,
            last_price=float(prices[ticker]),
            last_close=close,
            atr=spread,
            median_volume=float(np.nanmedian(volumes[:, column])),
            features=known,
            low=float(np.nan_to_num(lows[column])),
            faults=int(faults[column]),
            barred=ticker in barred,
        )
    return facts, skipped


def _unfit(close: float, spread: float, price: Decimal | None, features: Floats) -> str | None:
    if not np.isfinite(close):
        return "no bar in the last session"
    if not np.isfinite(spread) or spread <= 0:
        return "no average true range"
    if price is None or price <= 0:
        return "no price"
    if not np.isfinite(features).any():
        return "no features"
    return None
