"""Features of a ticker against its sector, and the one number that sums them up.

What a large share does for a day or a year is mostly what its market and its sector do. These features take the mean
of the sector's members out first. A residual is a session's simple return less that mean; where a sector has fewer
than three members with a bar, the mean of all members serves. A session without a bar counts as a residual of 0
between a ticker's first and last bar; every feature is NaN in a session without a bar and until its window is full.
Only sums in a fixed order, ratios and roots: a history cut short gives the very same bits.
"""

from collections.abc import Mapping

import numpy as np

from tenthman.domain.features import FeaturePanel
from tenthman.domain.market import Floats, Panel
from tenthman.features.windows import Mask, mean, ranks, ratio, rolling, shift, variance

DEFINITION = "relative-1"
COMPOSITE_DEFINITION = "composite-1"
COMPOSITE = "composite"

SIGNS: Mapping[str, float] = {
    "sector_momentum_250_20": 1.0,
    "sector_return_5": -1.0,
    "report_reaction_60": 1.0,
    "same_month_3y": 1.0,
    "volume_ratio_5_60": -1.0,
    "sentiment": 1.0,
}
"""What the composite is made of, and which end of each is the good one."""

SMALLEST_SECTOR = 3
MONTH, YEAR = 20, 252
REPORT_SESSIONS = 60
LARGEST_REACTION = 8.0


def relative(panel: Panel, sectors: tuple[str, ...], among: Mask) -> FeaturePanel:
    """Features of `panel` against the sectors of its tickers (one name each); `among` says who is a member when.

    - `sector_momentum_250_20`: sum of residuals from 250 to 20 sessions ago over the deviation of 250 of them
      (residual momentum: Blitz, Huij and Martens, 2011). No unit; NaN for the first 250 sessions, or without spread.
    - `sector_return_5`: sum of the last 5 residuals, a fraction (it reverses: Lehmann, 1990; Da, Liu and Schaumburg,
      2014). NaN for the first 5 sessions.
    - `report_reaction_60`: the residual, in deviations of the 60 before it and within +-8, of that one of the last 60
      sessions whose |residual| times surprise in volume was largest; it fades linearly to 0 over 60 sessions (drift
      after reports: Bernard and Thomas, 1989; the session stands in for the report's date). 0 where no volume
      surprised; NaN for the first 61 sessions.
    - `same_month_3y`: return over the 20 sessions that began 252, 504 and 756 sessions ago, less the members' mean; the
      mean of those known (Heston and Sadka, 2008). A fraction; NaN where none is known.
    - `volume_ratio_5_60`: mean volume of 5 sessions over that of the 60 before (what draws attention disappoints:
      Barber and Odean, 2008). NaN for the first 64 sessions, while a session of the 65 lacks a bar, or without volume.

    Raises ValueError when `sectors` or `among` does not fit the panel.
    """
    shape = panel.close.shape
    if len(sectors) != shape[1]:
        raise ValueError(f"`sectors` must name one for each of {shape[1]} tickers, were {len(sectors)}")
    if among.shape != shape:
        raise ValueError(f"`among` must have shape {shape}, was {among.shape}")
    close = _carried(panel.close)
    # By name, so that sums round the same whatever the order of the columns.
    by_name = sorted(range(shape[1]), key=panel.tickers.__getitem__)
    residual = _residuals(close, panel.close, sectors, among, by_name)
    columns = {
        "sector_momentum_250_20": ratio(shift(rolling(np.add, residual, 230), 20), np.sqrt(variance(residual, 250))),
        "sector_return_5": rolling(np.add, residual, 5),
        "report_reaction_60": _reaction(residual, panel.volume),
        "same_month_3y": _same_month(close, among & ~np.isnan(panel.close), by_name),
        "volume_ratio_5_60": ratio(mean(panel.volume, 5), shift(mean(panel.volume, 60), 5)),
    }
    absent = np.isnan(panel.close)
    return FeaturePanel(
        sessions=panel.sessions.copy(),
        tickers=panel.tickers,
        names=tuple(columns),
        values=np.stack([np.where(absent, np.nan, values) for values in columns.values()], axis=2),
        definitions=(DEFINITION,),
    )


def composite(features: FeaturePanel, among: Mask) -> FeaturePanel:
    """One feature: the mean over `SIGNS` of each feature's rank `among` the members of its session, -0.5 to 0.5.

    `features` must hold those of `relative` and the sentiment of news (ValueError otherwise).
    Equal weights, because weights fitted to so noisy a past are seldom better (Dawes, 1979; DeMiguel, Garlappi and
    Uppal, 2009). A part that is NaN counts as 0, the middle; NaN where all parts are, and for who is not a member.
    """
    if among.shape != features.values.shape[:2]:
        raise ValueError(f"`among` must have shape {features.values.shape[:2]}, was {among.shape}")
    total = np.zeros(among.shape)
    known = np.zeros(among.shape, dtype=np.bool_)
    for name in SIGNS:
        if name not in features.names:
            raise ValueError(f"`features` must hold {name}, held {features.names}")
    ranked = ranks(features.values[:, :, [features.names.index(name) for name in SIGNS]], among)
    for place, sign in enumerate(SIGNS.values()):
        rank = ranked[:, :, place]
        total = total + np.where(np.isnan(rank), 0.0, sign * (rank - 0.5))
        known |= ~np.isnan(rank)
    return FeaturePanel(
        sessions=features.sessions.copy(),
        tickers=features.tickers,
        names=(COMPOSITE,),
        values=np.where(known, total / len(SIGNS), np.nan)[:, :, np.newaxis],
        definitions=(COMPOSITE_DEFINITION,),
    )


def _carried(close: Floats) -> Floats:
    """The last known close; NaN before a ticker's first."""
    rows = np.where(np.isnan(close), 0, np.arange(len(close))[:, np.newaxis])
    return np.take_along_axis(close, np.maximum.accumulate(rows, axis=0), axis=0)


def _residuals(close: Floats, bars: Floats, sectors: tuple[str, ...], among: Mask, by_name: list[int]) -> Floats:
    returns = ratio(close, shift(close, 1)) - 1.0
    counted = among & ~np.isnan(bars) & ~np.isnan(returns)
    market, _ = _mean_of(returns, counted, by_name)
    result = np.empty_like(returns)
    for sector in sorted(set(sectors)):
        columns = [column for column in by_name if sectors[column] == sector]
        own, count = _mean_of(returns, counted, columns)
        result[:, columns] = returns[:, columns] - np.where(count >= SMALLEST_SECTOR, own, market)[:, np.newaxis]
    return np.where(np.isnan(bars) & ~np.isnan(returns), 0.0, result)


def _mean_of(values: Floats, counted: Mask, columns: list[int]) -> tuple[Floats, Floats]:
    """Mean over the counted ones of `columns`, row by row, and how many they were; NaN where none is."""
    total, count = np.zeros(len(values)), np.zeros(len(values))
    for column in columns:
        total = total + np.where(counted[:, column], values[:, column], 0.0)
        count = count + counted[:, column]
    return ratio(total, count), count


def _reaction(residual: Floats, volume: Floats) -> Floats:
    usual = shift(np.sqrt(variance(residual, 60)), 1)
    surprise = ratio(volume - shift(mean(volume, 60), 1), shift(np.sqrt(variance(volume, 60)), 1))
    size = ratio(residual, usual)
    weight = np.abs(size) * np.maximum(surprise, 0.0)
    weight = np.where(np.isnan(weight), 0.0, weight)
    size = np.clip(np.where(np.isnan(size), 0.0, size), -LARGEST_REACTION, LARGEST_REACTION)
    best, found = np.zeros_like(weight), np.zeros_like(weight)
    for age in range(min(REPORT_SESSIONS, len(weight))):
        rows = len(weight) - age
        larger = weight[:rows] > best[age:]
        best[age:] = np.where(larger, weight[:rows], best[age:])
        found[age:] = np.where(larger, size[:rows] * (1.0 - age / REPORT_SESSIONS), found[age:])
    return np.where(np.isnan(usual), np.nan, found)


def _same_month(close: Floats, members: Mask, by_name: list[int]) -> Floats:
    change = ratio(close, shift(close, MONTH)) - 1.0
    market, _ = _mean_of(change, members & ~np.isnan(change), by_name)
    excess = change - market[:, np.newaxis]
    total, count = np.zeros(close.shape), np.zeros(close.shape)
    for years in (1, 2, 3):
        past = shift(excess, years * YEAR - MONTH)
        total = total + np.where(np.isnan(past), 0.0, past)
        count = count + ~np.isnan(past)
    return ratio(total, count)
