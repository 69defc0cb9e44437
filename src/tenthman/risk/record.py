"""The record of one candidate: every check that was made, kept as the numbers that were compared.

They are put into words when somebody reads them, for most candidates of a run are only counted.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, overload

from tenthman.domain.money import ONE, PRICE_SCALE
from tenthman.domain.order import Check, Findings
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


def _gates_on(rules: RuleNumbers) -> list[int]:
    """Places of the gates that leave a check: all but those that are off."""
    off = {
        limits.DATA: rules.max_faults == OFF,
        limits.BLACKOUT: not rules.has_blackout,
        limits.COOL_OFF: rules.cool_off == OFF,
    }
    return [place for place in range(len(limits.GATES)) if not off.get(place)]


def _caps_on(rules: RuleNumbers) -> list[int]:
    """Places of the caps that leave a check."""
    off = {
        limits.CLUSTER_CAP: rules.max_cluster_fraction == OFF,
        limits.TURNOVER_CAP: rules.max_turnover_fraction == OFF,
    }
    return [place for place in range(len(limits.CAPS)) if not off.get(place)]


def _gates_in_words(gates: Gates, rules: RuleNumbers) -> Iterator[Check]:
    for place in _gates_on(rules):
        observed, limit = _gate_words(place, gates, rules)
        yield Check(rule=limits.GATES[place], observed=observed, limit=limit, passed=gates.passed[place])


def _gate_words(place: int, gates: Gates, rules: RuleNumbers) -> tuple[str, str]:
    """What a gate saw and what it asks for."""
    observed, limit = gates.observed[place], gates.asked[place]
    match place:
        case limits.PRICE:
            return _dollars(observed), f"at least {_dollars(limit)}"
        case limits.LIQUIDITY:
            # People read dollars; the arithmetic compares shares.
            traded = observed * gates.observed[limits.PRICE]
            seen = str(traded // PRICE_SCALE) if traded else "unknown"
            return seen, f"at least {rules.min_dollar_volume // PRICE_SCALE}"
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
        observed, limit = _cap_words(place, caps, rules)
        passed, bound = caps.shares[place] >= 1, place == caps.tightest
        yield Check(rule=limits.CAPS[place], observed=observed, limit=limit, passed=passed, bound=bound)


def _cap_words(place: int, caps: Caps, rules: RuleNumbers) -> tuple[str, str]:
    """What a cap looked at and what it allows; the one that bound tells what one share takes of it."""
    if place == limits.VOLUME_CAP:
        return f"median volume {caps.volume or 'unknown'}", f"{caps.budgets[place]} shares"
    seen, most = f"{_dollars(caps.used[place])} used", _dollars(caps.budgets[place])
    if place != caps.tightest:
        return seen, most
    lost = arithmetic.loss_a_share(caps.limit, caps.stop, rules.gap)
    return f"{seen}, {_dollars(lost if place <= limits.BUDGET_CAP else caps.limit)} a share", most


def _dollars(amount: int) -> str:
    """A sum for people: to the cent."""
    return f"{amount / PRICE_SCALE:.2f}"
