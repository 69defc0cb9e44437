"""Adjustment factors computed from corporate actions, and a source's adjusted closes checked against them. Pure.

Multipliers as the Center for Research in Security Prices defines them and Yahoo uses them: 1 / (new shares for an old
one) for a split, 1 - dividend / close of the session before the ex-date for a cash dividend.
"""

from collections.abc import Iterable

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
) -> Sessions:
    """Sessions in which a source's own adjustment differs from ours by more than `tolerance` (a fraction).

    `adjusted` is fully adjusted as of the last session; `close` is split-adjusted. NaN in either is passed over.
    """
    own = close * dividend_factors(sessions, close, actions)
    with np.errstate(invalid="ignore"):
        apart = np.abs(adjusted / own - 1.0) > tolerance
    found: Sessions = sessions[apart]
    return found


def _in_span(sessions: Sessions, actions: Iterable[CorporateAction], kind: ActionKind) -> list[CorporateAction]:
    if not len(sessions):
        return []
    first, last = sessions[0].item(), sessions[-1].item()
    return [action for action in actions if action.kind is kind and first < action.ex_date <= last]
