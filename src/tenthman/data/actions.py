"""Adjustment factors computed from corporate actions, and a source's adjusted closes checked against them. Pure.

Multipliers as the Center for Research in Security Prices defines them and Yahoo uses them: 1 / (new shares for an old
one) for a split, 1 - dividend / close of the session before the ex-date for a cash dividend.
"""

from collections.abc import Iterable
from datetime import date

import numpy as np

from tenthman.data.sources import ActionKind, CorporateAction
from tenthman.domain.market import Floats, Sessions


def split_factors(sessions: Sessions, actions: Iterable[CorporateAction]) -> Floats:
    """What the prices traded are multiplied by to be in shares of the last session; 1 from the last split on.

    `actions` are one ticker's; an ex-date after the last session does not count: it was not known then.
    """
    factors = np.ones(len(sessions))
    for action in _in_span(sessions, actions, ActionKind.SPLIT):
        factors[: np.searchsorted(sessions, np.datetime64(action.ex_date, "D"))] /= action.value
    return factors


def dividend_factors(sessions: Sessions, close: Floats, actions: Iterable[CorporateAction]) -> Floats:
    """What split-adjusted closes are multiplied by to allow for dividends up to the last session.

    `close` (sessions,) and the dividends are USD a share on the same basis; NaN closes are passed over. ValueError
    for a dividend of at least the close before it.
    """
    factors = np.ones(len(sessions))
    for action in _in_span(sessions, actions, ActionKind.DIVIDEND):
        row = int(np.searchsorted(sessions, np.datetime64(action.ex_date, "D")))
        before = close[:row][~np.isnan(close[:row])]
        if len(before) == 0:
            continue
        if action.value >= before[-1]:
            raise ValueError(
                f"{action.ticker} {action.ex_date}: `value` of a dividend must be below the close before it "
                f"{before[-1]:g}, was {action.value:g}"
            )
        factors[:row] *= 1.0 - action.value / before[-1]
    return factors


def unexplained(
    sessions: Sessions, close: Floats, adjusted: Floats, actions: Iterable[CorporateAction], tolerance: float
) -> list[tuple[date, float, float]]:
    """Sessions in which a source's adjustment steps otherwise than ours, by more than `tolerance` (a fraction).

    With each: what the step multiplies all prices before it by, in the source and by `actions`. These are the ones that
    are not in `close` already: splits only where it is as traded. Where the source's adjustment ends does not matter.
    NaN in either series is passed over. ValueError as `dividend_factors`.
    """
    known = ~(np.isnan(close) | np.isnan(adjusted))
    days, close, adjusted = sessions[known], close[known], adjusted[known]
    acted = tuple(actions)
    theirs = adjusted / close
    ours = split_factors(days, acted) * dividend_factors(days, close, acted)
    steps = [factors[:-1] / factors[1:] for factors in (theirs, ours)]
    rows = np.flatnonzero(np.abs(steps[0] / steps[1] - 1.0) > tolerance)
    told: list[date] = days[rows + 1].tolist()
    return list(zip(told, steps[0][rows].tolist(), steps[1][rows].tolist(), strict=True))


def _in_span(sessions: Sessions, actions: Iterable[CorporateAction], kind: ActionKind) -> list[CorporateAction]:
    if not len(sessions):
        return []
    first, last = sessions[0].item(), sessions[-1].item()
    return [action for action in actions if action.kind is kind and first < action.ex_date <= last]
