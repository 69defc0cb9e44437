"""The record of one candidate: every check that was made, kept as the numbers that were compared.

They are put into words when somebody reads them, for most candidates of a run are only counted.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple, overload

from tenthman.domain.findings import Check, Findings
from tenthman.domain.money import ONE, PRICE_SCALE
from tenthman.risk import arithmetic, limits
from tenthman.risk.figures import STATES
from tenthman.risk.numbers import OFF, RuleNumbers


class Gates(NamedTuple):
    """What each gate saw, asked for and said, by its place in GATES; `failed`: the first that did, -1 for none."""

    observed: Sequence[int]
    asked: Sequence[int]
    passed: Sequence[bool]
    failed: int


class Caps(NamedTuple):
    """What is taken of each cap and allowed by it, and the shares it leaves room for, by its place in CAPS.

    `tightest`: the place of the one that leaves the fewest (the first among equals). Then what was asked: `limit` and
    `stop` in 1/10,000 USD, and the median `volume` in shares.
    """

    used: Sequence[int]
    budgets: Sequence[int]
    shares: Sequence[int]
    tightest: int
    limit: int
    stop: int
    volume: int


class Record(Findings):
    """The checks of one candidate in order: every gate that is on, then, where all let it pass, every cap that is."""

    __slots__ = ("_caps", "_gates", "_rules", "_words")

    def __init__(self, rules: RuleNumbers, gates: Gates, caps: Caps | None = None) -> None:
        self._rules, self._gates, self._caps = rules, gates, caps
        self._words: tuple[Check, ...] = ()

    @property
    def failed(self) -> list[str]:
        """Rules that said no; one that is off never does."""
        gates, caps, names = self._gates, self._caps, list[str]()
        if gates.failed >= 0:
            names += [name for name, passed in zip(limits.GATES, gates.passed, strict=True) if not passed]
        if caps is not None and caps.shares[caps.tightest] < 1:
            names += [name for name, room in zip(limits.CAPS, caps.shares, strict=True) if room < 1]
        return names

    def __len__(self) -> int:
        return len(_gates_on(self._rules)) + (0 if self._caps is None else len(_caps_on(self._rules)))

    @overload
    def __getitem__(self, place: int) -> Check: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[Check, ...]: ...

    def __getitem__(self, place: int | slice) -> Check | tuple[Check, ...]:
        return self._worded()[place]

    def __iter__(self) -> Iterator[Check]:
        return iter(self._worded())

    def _worded(self) -> tuple[Check, ...]:
        if not self._words:
            caps = () if self._caps is None else _caps_in_words(self._caps, self._rules)
            self._words = (*_gates_in_words(self._gates, self._rules), *caps)
        return self._words


@lru_cache(maxsize=64)
def _gates_on(rules: RuleNumbers) -> tuple[int, ...]:
    """Places of the gates that leave a check: all but those that are off."""
    off = {
        limits.DATA: rules.max_faults == OFF,
        limits.BLACKOUT: not rules.has_blackout,
        limits.COOL_OFF: rules.cool_off == OFF,
    }
    return tuple(place for place in range(len(limits.GATES)) if not off.get(place))


@lru_cache(maxsize=64)
def _caps_on(rules: RuleNumbers) -> tuple[int, ...]:
    """Places of the caps that leave a check."""
    off = {
        limits.CLUSTER_CAP: rules.max_cluster_fraction == OFF,
        limits.TURNOVER_CAP: rules.max_turnover_fraction == OFF,
    }
    return tuple(place for place in range(len(limits.CAPS)) if not off.get(place))


def _gates_in_words(gates: Gates, rules: RuleNumbers) -> Iterator[Check]:
    observed, asked = list(gates.observed), list(gates.asked)
    # People read dollars; the arithmetic compares shares.
    observed[limits.LIQUIDITY] *= observed[limits.PRICE]
    asked[limits.LIQUIDITY] = rules.min_dollar_volume
    for place in _gates_on(rules):
        yield _gate(place, observed[place], asked[place], gates.passed[place])


@lru_cache(maxsize=4096)
def _gate(place: int, observed: int, limit: int, passed: bool) -> Check:
    """The check of a gate; kept, because most candidates of a run meet the same ones."""
    seen, most = _gate_words(place, observed, limit)
    return Check(rule=limits.GATES[place], observed=seen, limit=most, passed=passed)


def _gate_words(place: int, observed: int, limit: int) -> tuple[str, str]:
    """What a gate saw and what it asks for."""
    match place:
        case limits.PRICE:
            return _dollars(observed), f"at least {_dollars(limit)}"
        case limits.LIQUIDITY:
            seen = str(observed // PRICE_SCALE) if observed else "unknown"
            return seen, f"at least {limit // PRICE_SCALE}"
        case limits.STATE:
            return STATES[observed].value, STATES[limit].value
        case limits.EQUITY:
            return _dollars(observed), "above 0"
        case limits.DRAWDOWN:
            return f"{observed / ONE:.4f}", f"below {limit / ONE:g}"
        case limits.FREE:
            return "held or pending" if observed else "free", "free"
        case limits.DATA:
            return f"{observed} bars at fault", f"at most {limit}"
        case limits.BLACKOUT:
            return "a blackout" if observed else "no blackout", "no blackout"
        case limits.COOL_OFF:
            seen = "never stopped" if observed >= limits.LONG_AGO else f"{observed} sessions since a stop"
            return seen, f"at least {limit}"
        case _:
            return str(observed), f"at most {limit}"


def _caps_in_words(caps: Caps, rules: RuleNumbers) -> Iterator[Check]:
    for place in _caps_on(rules):
        if place == caps.tightest:
            yield _bound(place, caps, rules)
        else:
            yield _slack(place, _looked_at(place, caps), caps.budgets[place], caps.shares[place] >= 1)


def _looked_at(place: int, caps: Caps) -> int:
    return caps.volume if place == limits.VOLUME_CAP else caps.used[place]


@lru_cache(maxsize=4096)
def _slack(place: int, observed: int, budget: int, passed: bool) -> Check:
    """The check of a cap that did not bind; kept, because on one book they are the same for every candidate."""
    seen, most = _cap_words(place, observed, budget)
    return Check(rule=limits.CAPS[place], observed=seen, limit=most, passed=passed)


def _bound(place: int, caps: Caps, rules: RuleNumbers) -> Check:
    """The check of the cap that bound: it tells what one share takes of it, too."""
    seen, most = _cap_words(place, _looked_at(place, caps), caps.budgets[place])
    if place != limits.VOLUME_CAP:
        lost = arithmetic.loss_a_share(caps.limit, caps.stop, rules.gap)
        seen = f"{seen}, {_dollars(lost if place <= limits.BUDGET_CAP else caps.limit)} a share"
    return Check(rule=limits.CAPS[place], observed=seen, limit=most, passed=caps.shares[place] >= 1, bound=True)


def _cap_words(place: int, observed: int, budget: int) -> tuple[str, str]:
    """What a cap looked at and what it allows."""
    if place == limits.VOLUME_CAP:
        return f"median volume {observed or 'unknown'}", f"{budget} shares"
    return f"{_dollars(observed)} used", _dollars(budget)


def _dollars(amount: int) -> str:
    """A sum for people: to the cent."""
    return f"{amount / PRICE_SCALE:.2f}"
