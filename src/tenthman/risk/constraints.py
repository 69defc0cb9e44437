"""Constraints: what must hold before an entry is sized, and how many shares each limit leaves room for.

Two kinds. A gate passes or fails. A cap names the largest quantity it allows; the smallest cap sizes the order.
Unknown means no: a fact that is missing or not finite fails its gate or caps at zero. A rule that is off leaves no
check. The sums are those of `arithmetic`; here they get words for the record.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from tenthman.domain.money import ONE, PRICE_SCALE, ceil_e4, floor_e4
from tenthman.domain.opinion import Proposal
from tenthman.domain.order import Check
from tenthman.risk import arithmetic
from tenthman.risk.figures import STATES, BookFigures
from tenthman.risk.numbers import OFF, RuleNumbers

_GATES, _CAPS = len(arithmetic.GATES), len(arithmetic.CAPS)

Totals = Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What risk may know of the ticker itself.

    `median_volume` in shares a session, None when unknown. `faults`: how many of its last bars are missing or flagged.
    `barred`: a blackout lies on it today. `apart`: names of the book whose moves are known to go their own way.
    """

    ticker: str
    issuer: str
    sector: str
    median_volume: float | None
    faults: int = 0
    barred: bool = False
    apart: frozenset[str] = frozenset()

    @property
    def whole_volume(self) -> int:
        """The median volume in whole shares, 0 when unknown."""
        return 0 if self.median_volume is None else arithmetic.whole_volume(self.median_volume)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How many shares the tightest cap allows (the first among equals), its name, and every cap that is on in order."""

    shares: int
    rule: str
    checks: tuple[Check, ...]


def totals_of(candidate: Candidate, book: BookFigures, rules: RuleNumbers) -> Totals:
    """The book's lines added up as `candidate` meets them."""
    apart = None if rules.max_cluster_fraction == OFF else candidate.apart
    return book.totals(candidate.ticker, candidate.issuer, candidate.sector, apart)


def gates(
    proposal: Proposal,
    candidate: Candidate,
    book: BookFigures,
    rules: RuleNumbers,
    totals: Totals,
    entries_so_far: int,
) -> tuple[tuple[Check, ...], Check | None]:
    """Every yes-or-no rule, each applied whether or not an earlier one failed; and the first that did."""
    observed, limits, passed = [0] * _GATES, [0] * _GATES, [False] * _GATES
    failed = arithmetic.gates(
        book.state,
        book.equity,
        book.drawdown,
        entries_so_far,
        floor_e4(proposal.limit_price),
        candidate.whole_volume,
        candidate.faults,
        candidate.barred,
        book.since_stop.get(candidate.ticker, arithmetic.LONG_AGO),
        totals,
        rules,
        observed,
        limits,
        passed,
    )
    # People read dollars; the arithmetic compares shares.
    observed[arithmetic.LIQUIDITY] *= observed[arithmetic.PRICE]
    limits[arithmetic.LIQUIDITY] = rules.min_dollar_volume
    checks = tuple([_gate(place, observed[place], limits[place], passed[place]) for place in _gates_on(rules)])
    return checks, None if failed < 0 else _gate(failed, observed[failed], limits[failed], False)


def caps(proposal: Proposal, candidate: Candidate, book: BookFigures, rules: RuleNumbers, totals: Totals) -> Room:
    """The room that the quantitative rules leave, in whole shares."""
    used, budgets, shares = [0] * _CAPS, [0] * _CAPS, [0] * _CAPS
    limit, stop, volume = ceil_e4(proposal.limit_price), floor_e4(proposal.stop_price), candidate.whole_volume
    tightest = arithmetic.caps(
        book.equity,
        book.cash,
        book.drawdown[arithmetic.LEFT],
        book.bought,
        limit,
        stop,
        volume,
        totals,
        rules,
        used,
        budgets,
        shares,
    )
    checks = [
        Check(
            rule=arithmetic.CAPS[place],
            observed=_seen(place, used[place], volume, arithmetic.loss_a_share(limit, stop, rules.gap), limit),
            limit=_most(place, budgets[place]),
            passed=shares[place] >= 1,
            bound=True,
        )
        if place == tightest
        else _slack(
            place, volume if place == arithmetic.VOLUME_CAP else used[place], budgets[place], shares[place] >= 1
        )
        for place in _caps_on(rules)
    ]
    return Room(shares=shares[tightest], rule=arithmetic.CAPS[tightest], checks=tuple(checks))


def _seen(place: int, used: int, volume: int, lost: int, limit: int) -> str:
    """What the cap that bound looked at, with what one share takes of it."""
    if place == arithmetic.VOLUME_CAP:
        return f"median volume {volume or 'unknown'}"
    return f"{_dollars(used)} used, {_dollars(lost if place <= arithmetic.BUDGET_CAP else limit)} a share"


def _most(place: int, budget: int) -> str:
    return f"{budget} shares" if place == arithmetic.VOLUME_CAP else _dollars(budget)


@lru_cache(maxsize=4096)
def _slack(place: int, observed: int, budget: int, passed: bool) -> Check:
    """The check of a cap that did not bind; kept, because on one book they are the same for every candidate."""
    seen = f"median volume {observed or 'unknown'}" if place == arithmetic.VOLUME_CAP else f"{_dollars(observed)} used"
    return Check(rule=arithmetic.CAPS[place], observed=seen, limit=_most(place, budget), passed=passed)


@lru_cache(maxsize=4096)
def _dollars(amount: int) -> str:
    """A sum for people: to the cent."""
    return f"{amount / PRICE_SCALE:.2f}"


@lru_cache(maxsize=64)
def _gates_on(rules: RuleNumbers) -> tuple[int, ...]:
    """Places of the gates that leave a check: all but those that are off."""
    off = {
        arithmetic.DATA: rules.max_faults == OFF,
        arithmetic.BLACKOUT: not rules.has_blackout,
        arithmetic.COOL_OFF: rules.cool_off == OFF,
    }
    return tuple(place for place in range(_GATES) if not off.get(place))


@lru_cache(maxsize=64)
def _caps_on(rules: RuleNumbers) -> tuple[int, ...]:
    """Places of the caps that leave a check."""
    off = {
        arithmetic.CLUSTER_CAP: rules.max_cluster_fraction == OFF,
        arithmetic.TURNOVER_CAP: rules.max_turnover_fraction == OFF,
    }
    return tuple(place for place in range(_CAPS) if not off.get(place))


@lru_cache(maxsize=4096)
def _gate(place: int, observed: int, limit: int, passed: bool) -> Check:
    """The check in words; kept, because most candidates of a run meet the same ones."""
    seen, most = _words(place, observed, limit)
    return Check(rule=arithmetic.GATES[place], observed=seen, limit=most, passed=passed)


def _words(place: int, observed: int, limit: int) -> tuple[str, str]:
    """What a gate saw and what it asks for."""
    match place:
        case arithmetic.PRICE:
            return _dollars(observed), f"at least {_dollars(limit)}"
        case arithmetic.LIQUIDITY:
            seen = str(observed // PRICE_SCALE) if observed else "unknown"
            return seen, f"at least {limit // PRICE_SCALE}"
        case arithmetic.STATE:
            return STATES[observed].value, STATES[limit].value
        case arithmetic.EQUITY:
            return _dollars(observed), "above 0"
        case arithmetic.DRAWDOWN:
            return f"{observed / ONE:.4f}", f"below {limit / ONE:g}"
        case arithmetic.FREE:
            return "held or pending" if observed else "free", "free"
        case arithmetic.DATA:
            return f"{observed} bars at fault", f"at most {limit}"
        case arithmetic.BLACKOUT:
            return "a blackout" if observed else "no blackout", "no blackout"
        case arithmetic.COOL_OFF:
            seen = "never stopped" if observed >= arithmetic.LONG_AGO else f"{observed} sessions since a stop"
            return seen, f"at least {limit}"
        case _:
            return str(observed), f"at most {limit}"
