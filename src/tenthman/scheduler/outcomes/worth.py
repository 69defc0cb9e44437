"""What an opinion was worth: what became of the entry it was about, as if nobody had touched it.

Every entry that was put to critics has a twin: the whole order that risk sized, followed like a shadow position
(shadows.py) to its stop, target or horizon, after costs and fees. With `r` the twin's result in basis points of its
notional at entry, and `k` the share that an opinion would take away (a veto 1, a shrink what it leaves off, an approval
0), the opinion's value added is `-k * r` basis points of the entry's notional. Above zero it kept a loss away, below
zero it cost a gain. Twins that never filled are worth nothing to anyone and are counted apart.

Intervals resample sessions, not opinions: opinions of one session share its market, and positions overlap for as long
as the horizon.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from tenthman.domain.market import Floats
from tenthman.domain.opinion import ReplyState, Role, Stance
from tenthman.ml.resampling import Interval, block_length, bootstrap_interval

BP = 10_000.0
DRAWS = 1000
BIN_EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class AgentKey:
    """Who spoke: a role, the model behind it (digest of weights and sampling) and the version of the prompts."""

    role: str
    model: str
    model_digest: str
    template_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """How the whole entry ended: result after costs and notional at entry (USD), as a share of `equity_usd` too.

    `equity_usd` is the account at the time of the decision; NaN where it is not on record.
    """

    gained_usd: float
    notional_usd: float
    equity_usd: float

    @property
    def return_bp(self) -> float:
        """The result in basis points of the notional."""
        return BP * self.gained_usd / self.notional_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """One critique and what it was about. `twin` is None where the entry never filled, or goes on (`is_open`)."""

    key: AgentKey
    entry: tuple[str, str]
    session: date
    binding: bool
    state: ReplyState
    stance: Stance
    size_fraction: float
    confidence_pct: int
    seconds: float
    prompt_tokens: int
    reply_tokens: int
    twin: Twin | None
    is_open: bool = False

    @property
    def taken(self) -> float:
        """The share of the entry that it would take away; 0 for an approval and where there is no opinion."""
        return 1.0 - self.size_fraction if self.stance in (Stance.VETO, Stance.SHRINK) else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Opinions whose stated chance of a loss lay in `low`..`high`: how many, what they said, what came."""

    low: float
    high: float
    number: int
    said: float
    came: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """Value added per entry that something was taken from, with its interval (basis points of the entry's notional).

    `measured` entries ended; `never_filled` and `still_open` ones say nothing (yet). `equity_bp` is the sum in basis
    points of the account, `usd` in dollars. The interval has NaN bounds below ten sessions.
    """

    value_bp: Interval
    equity_bp: float
    usd: float
    measured: int
    never_filled: int
    still_open: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How well the stated confidence fits what came of `number` entries that were judged and ended.

    `brier` (Brier, 1950) is the mean squared miss of the stated chance that the entry loses: 0 for a prophet, 0.25 for
    who never takes sides. `lost` is the share that lost, `brier_of_share` the score of who says that share each time:
    above it a critic knows less than the count does. NaN where `number` is 0.
    """

    number: int
    brier: float
    lost: float
    brier_of_share: float
    bins: tuple[Bin, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One agent's scorecard. `binding` of its `asked` questions could have changed an order."""

    key: AgentKey
    asked: int
    binding: int
    answered: int
    states: Mapping[str, int]
    stances: Mapping[str, int]
    veto_rate: float
    worth: Worth
    calibration: Calibration
    seconds_median: float
    seconds_p95: float
    prompt_tokens: int
    reply_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Two agents on the same entries: how often both would take something away, or neither; `kappa` beyond chance.

    Cohen (1960), Educational and Psychological Measurement 20; NaN where one of them never varies.
    """

    first: AgentKey
    second: AgentKey
    number: int
    share: float
    kappa: float


def cards(opinions: Iterable[Opinion], horizon_sessions: int, level: float, seed: int) -> tuple[Card, ...]:
    """A scorecard for each agent, model and prompt version, in the order in which roles speak."""
    found: dict[AgentKey, list[Opinion]] = {}
    for opinion in opinions:
        found.setdefault(opinion.key, []).append(opinion)
    order = [role.value for role in Role]
    keys = sorted(found, key=lambda key: (order.index(key.role), key))
    return tuple(_card(key, found[key], horizon_sessions, level, seed) for key in keys)


def agreements(opinions: Iterable[Opinion]) -> tuple[Agreement, ...]:
    """Every pair of agents that had an opinion on the same entries."""
    by_key: dict[AgentKey, dict[tuple[str, str], bool]] = {}
    for item in opinions:
        if item.state is ReplyState.ANSWERED:
            by_key.setdefault(item.key, {})[item.entry] = item.taken > 0.0
    keys = sorted(by_key)
    pairs = [(first, second) for place, first in enumerate(keys) for second in keys[place + 1 :]]
    found = (_agreement(first, second, by_key[first], by_key[second]) for first, second in pairs)
    return tuple(item for item in found if item.number)


def worth(opinions: Sequence[Opinion], horizon_sessions: int, level: float, seed: int) -> Worth:
    """What the entries that `opinions` would have taken something from came to."""
    against = [item for item in opinions if item.taken > 0.0]
    measured = [(item, item.twin) for item in against if item.twin is not None]
    values = [-item.taken * twin.return_bp for item, twin in measured]
    still_open = sum(item.is_open for item in against)
    return Worth(
        value_bp=session_interval([item.session for item, _ in measured], values, horizon_sessions, level, seed),
        equity_bp=math.fsum(-BP * item.taken * twin.gained_usd / twin.equity_usd for item, twin in measured),
        usd=math.fsum(-item.taken * twin.gained_usd for item, twin in measured),
        measured=len(measured),
        never_filled=len(against) - len(measured) - still_open,
        still_open=still_open,
    )


def session_interval(
    sessions: Sequence[date], values: Sequence[float], horizon_sessions: int, level: float, seed: int
) -> Interval:
    """The mean of `values`, and its interval by the stationary bootstrap over the sessions that they belong to.

    Blocks are as long as positions overlap, or longer where the sessions' means ask for it, and at most a third of all.
    """
    if not values:
        return Interval(estimate=math.nan, low=math.nan, high=math.nan, level=level, block=math.nan)
    days = sorted(set(sessions))
    place = {day: row for row, day in enumerate(days)}
    rows = [place[day] for day in sessions]
    sums = np.bincount(rows, weights=np.asarray(values, dtype=np.float64), minlength=len(days))
    counts = np.bincount(rows, minlength=len(days)).astype(np.float64)

    def mean(drawn: Floats) -> Floats:
        chosen = drawn.astype(np.int64)
        result: Floats = sums[chosen].sum(axis=1) / counts[chosen].sum(axis=1)
        return result

    longest = max(1.0, len(days) / 3.0)
    block = min(max(float(horizon_sessions), block_length(sums / counts)), longest)
    indices = np.arange(len(days), dtype=np.float64)
    return bootstrap_interval(indices, mean, level=level, draws=DRAWS, seed=seed, block=block)


def calibration(opinions: Sequence[Opinion]) -> Calibration:
    """How often an entry lost, against the chance of it that was said (`chance_of_loss`)."""
    judged = [(item, item.twin) for item in opinions if item.state is ReplyState.ANSWERED and item.twin is not None]
    said = np.array([chance_of_loss(item.taken > 0.0, item.confidence_pct) for item, _ in judged], dtype=np.float64)
    came = np.array([twin.gained_usd < 0.0 for _, twin in judged], dtype=np.float64)
    lost = float(came.mean()) if len(said) else math.nan
    place = np.clip(np.searchsorted(BIN_EDGES, said, side="right") - 1, 0, len(BIN_EDGES) - 2)
    bins = tuple(
        Bin(
            low=BIN_EDGES[number],
            high=BIN_EDGES[number + 1],
            number=int(np.sum(place == number)),
            said=float(said[place == number].mean()),
            came=float(came[place == number].mean()),
        )
        for number in range(len(BIN_EDGES) - 1)
        if bool(np.any(place == number))
    )
    return Calibration(
        number=len(said),
        brier=float(np.mean((said - came) ** 2)) if len(said) else math.nan,
        lost=lost,
        brier_of_share=lost * (1.0 - lost),
        bins=bins,
    )


def chance_of_loss(objects: bool, confidence_pct: int) -> float:
    """The chance that an entry loses, as an opinion states it: 0.5 + confidence / 200 by who `objects`, else 0.5 - it.

    An opinion takes a side, and its confidence says how far from a coin: 0 % is no claim at all, whatever the stance,
    and 100 % is certainty.
    """
    lean = confidence_pct / 200.0
    return 0.5 + lean if objects else 0.5 - lean


def _card(key: AgentKey, opinions: list[Opinion], horizon_sessions: int, level: float, seed: int) -> Card:
    answered = [item for item in opinions if item.state is ReplyState.ANSWERED]
    seconds = [item.seconds for item in opinions if item.seconds > 0.0]
    return Card(
        key=key,
        asked=len(opinions),
        binding=sum(item.binding for item in opinions),
        answered=len(answered),
        states=_counted(item.state.value for item in opinions),
        stances=_counted(item.stance.value for item in answered),
        veto_rate=sum(item.stance is Stance.VETO for item in answered) / len(answered) if answered else math.nan,
        worth=worth(opinions, horizon_sessions, level, seed),
        calibration=calibration(opinions),
        seconds_median=float(np.percentile(seconds, 50)) if seconds else math.nan,
        seconds_p95=float(np.percentile(seconds, 95)) if seconds else math.nan,
        prompt_tokens=sum(item.prompt_tokens for item in opinions),
        reply_tokens=sum(item.reply_tokens for item in opinions),
    )


def _agreement(
    first: AgentKey, second: AgentKey, one: Mapping[tuple[str, str], bool], other: Mapping[tuple[str, str], bool]
) -> Agreement:
    both = [(one[entry], other[entry]) for entry in one if entry in other]
    number = len(both)
    if not number:
        return Agreement(first=first, second=second, number=0, share=math.nan, kappa=math.nan)
    share = sum(a == b for a, b in both) / number
    a, b = sum(item[0] for item in both) / number, sum(item[1] for item in both) / number
    chance = a * b + (1.0 - a) * (1.0 - b)
    kappa = (share - chance) / (1.0 - chance) if chance < 1.0 else math.nan
    return Agreement(first=first, second=second, number=number, share=share, kappa=kappa)


def _counted(names: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return counts
