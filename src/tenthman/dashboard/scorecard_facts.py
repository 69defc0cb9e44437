"""A scorecard as the reports show it: figures that a page or JSON can hold, None where one is not defined."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from tenthman.scheduler.outcomes.scorecard import Scorecard
from tenthman.scheduler.outcomes.worth import AgentKey, Agreement, Bin, Card

HASH_CHARACTERS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """One critic under one model and one version of the prompts (beginnings of hashes; "-" where there are none).

    `value_bp` is value added in basis points of an entry's notional, `low` and `high` its interval, `equity_bp` the sum
    in basis points of the account. `lost` is the share of the `judged` entries that lost, `brier_of_share` the score of
    who says that share each time. Seconds are of a question, tokens of all.
    """

    critic: str
    model: str
    digest: str
    prompts: str
    binding: bool
    asked: int
    answered: int
    states: Mapping[str, int]
    stances: Mapping[str, int]
    vetoed: float | None
    measured: int
    never_filled: int
    still_open: int
    value_bp: float | None
    low: float | None
    high: float | None
    equity_bp: float | None
    usd: float
    judged: int
    brier: float | None
    lost: float | None
    brier_of_share: float | None
    reliability: tuple[Bin, ...]
    seconds_median: float | None
    seconds_p95: float | None
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementFacts:
    """Two critics on the same entries: the share on which they agree, and kappa, which is agreement beyond chance."""

    first: str
    second: str
    entries: int
    share: float
    kappa: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorthFacts:
    """What the critics of a run were worth; confidence intervals at `level`."""

    entries: int
    level: float
    cards: tuple[CardFacts, ...]
    agreements: tuple[AgreementFacts, ...]


def worth_facts(found: Scorecard) -> WorthFacts:
    """The facts of `found`, in its order."""
    return WorthFacts(
        entries=found.entries,
        level=found.level,
        cards=tuple(_card(card) for card in found.cards),
        agreements=tuple(_agreement(pair) for pair in found.agreements),
    )


def _card(card: Card) -> CardFacts:
    worth, calibration = card.worth, card.calibration
    return CardFacts(
        critic=card.key.role,
        model=card.key.model or "no model",
        digest=_short(card.key.model_digest),
        prompts=_short(card.key.template_hash),
        binding=card.binding > 0,
        asked=card.asked,
        answered=card.answered,
        states=dict(card.states),
        stances=dict(card.stances),
        vetoed=_known(card.veto_rate),
        measured=worth.measured,
        never_filled=worth.never_filled,
        still_open=worth.still_open,
        value_bp=_known(worth.value_bp.estimate),
        low=_known(worth.value_bp.low),
        high=_known(worth.value_bp.high),
        equity_bp=_known(worth.equity_bp),
        usd=worth.usd,
        judged=calibration.number,
        brier=_known(calibration.brier),
        lost=_known(calibration.lost),
        brier_of_share=_known(calibration.brier_of_share),
        reliability=calibration.bins,
        seconds_median=_known(card.seconds_median),
        seconds_p95=_known(card.seconds_p95),
        tokens=card.prompt_tokens + card.reply_tokens,
    )


def _agreement(pair: Agreement) -> AgreementFacts:
    return AgreementFacts(
        first=_name(pair.first),
        second=_name(pair.second),
        entries=pair.number,
        share=pair.share,
        kappa=_known(pair.kappa),
    )


def _name(key: AgentKey) -> str:
    return f"{key.role} {key.template_hash[:HASH_CHARACTERS]}".strip()


def _short(hash_: str) -> str:
    return hash_[:HASH_CHARACTERS] or "-"


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
