"""The one decision, shared by backtest, rehearsal, paper and live; nothing here says which.

1. `prepare`: the market as known -> features -> signals, for every member of the universe at once.
2. `decide`, holdings first: exits by signal, by time, or because the drawdown stop is reducing the book.
3. `decide`, then entries in order of score: propose prices -> size by risk -> put what passes to the committee ->
   shrink, veto or let pass. Each answer counts in the book before the next candidate is looked at.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import assert_never

import numpy as np

from tenthman.config import Agents, Config, RiskRules
from tenthman.data.market import MarketView
from tenthman.data.quality import suspects
from tenthman.domain.audit import Decision, Slot, decision_id
from tenthman.domain.errors import DataMissing
from tenthman.domain.features import FeaturePanel
from tenthman.domain.market import NEW_YORK, Floats, Listing, Panel, Universe
from tenthman.domain.money import usd
from tenthman.domain.news import Passage
from tenthman.domain.opinion import (
    Abstain,
    Action,
    Case,
    Enter,
    Exit,
    Figure,
    Hold,
    Review,
    Signal,
    Verdict,
    Veto,
)
from tenthman.domain.order import EXTERNAL, Book, Denial, PendingEntry, Position, SizedOrder
from tenthman.features.panel import concat
from tenthman.features.relative import composite, relative
from tenthman.features.scaling import PREFIX, Mask, ranked
from tenthman.features.sentiment import sentiment_features
from tenthman.features.technical import atr, technical
from tenthman.ml.inference import SignalModel, signals
from tenthman.risk import arithmetic
from tenthman.risk.blackout import barred_on
from tenthman.risk.clusters import Moves, apart_from, last_moves
from tenthman.risk.constraints import Candidate
from tenthman.risk.controller import assess, exit_order, shrink
from tenthman.risk.figures import STATES, BookFigures, figures_of
from tenthman.risk.numbers import RuleNumbers, rule_numbers
from tenthman.risk.quality import Faults, last_faults
from tenthman.risk.stops import propose
from tenthman.risk.structure import last_lows

LIQUIDITY_SESSIONS = 20
NEWS_CHANGE_ROWS = 11
"""How many rows of news features are computed to have the last one whole: it looks back 10 sessions."""

_HOLDING_VERDICTS: Mapping[int, Exit | Hold] = {
    arithmetic.HOLD: Hold(reason="nothing says sell"),
    arithmetic.HOLD_EXTERNAL: Hold(reason="not opened by the desk"),
    arithmetic.HOLD_EXITING: Hold(reason="an exit is already at work"),
    arithmetic.HOLD_HALTED: Hold(reason="halted; resting stops protect it"),
    arithmetic.EXIT_DRAWDOWN: Exit(reason="drawdown stop"),
    arithmetic.EXIT_UNPROTECTED: Exit(reason="unprotected"),
    arithmetic.EXIT_TIME: Exit(reason="time"),
    arithmetic.EXIT_SIGNAL: Exit(reason="signal"),
}

Instants = np.ndarray[tuple[int], np.dtype[np.datetime64]]

Quote = Callable[[str, str, datetime], tuple[Passage, ...]]
"""Headlines that a case on (ticker, name) may quote as of an instant."""

Reviewer = Callable[[Case, float], Review]
"""The committee's whole answer on a case, given how far the book is below its peak (fraction)."""


Expect = Callable[[Mapping[str, Decimal]], None]
"""Told the entries to come, in the order in which they are decided, with the money that each would put in (USD)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One member's numbers at the last bar, and the price it trades at now. `features` are levels; NaN is left out.

    `low`: the lowest of the sessions that `risk_rules.structure_stop` looks at, NaN where it is off. `faults`: how many
    of its last bars (`risk_rules.data_quality`) are missing or flagged; `barred`: a blackout.
    """

    listing: Listing
    last_price: float
    last_close: float
    atr: float
    median_volume: float
    features: Mapping[str, float]
    low: float = math.nan
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Holes:
    """The two openings to the outside: headlines to quote, and the committee that a sized entry is put to.

    `expect` is told what is to come before the first entry is decided.
    """

    quote: Quote
    review: Reviewer
    expect: Expect = lambda _stakes: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A decision and the case that it was made on (None where nothing was put to the committee)."""

    decision: Decision
    case: Case | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """When and under what the decisions of one run are made; ids derive from it."""

    session: date
    slot: Slot
    as_of: datetime
    config_hash: str
    model_version: str

    def id_for(self, ticker: str) -> str:
        """The decision id of `ticker` in this run."""
        return decision_id(self.session, self.slot, ticker, self.config_hash, self.model_version, self.as_of)


def compute_features(view: MarketView, config: Config, last_rows: int | None = None) -> FeaturePanel:
    """Features of the sessions that `view` serves (all, or the last few), as decisions read them.

    The row of a session holds prices up to its close and news up to the next session's morning run, which is when it
    is first decided on; the last row holds news up to `view.as_of`. Levels come first, then their ranks among the
    members of the session (`rank_*`): the model reads ranks, people and the rules critic read levels.
    """
    panel = view.panel
    count = len(panel.sessions) if last_rows is None else min(last_rows, len(panel.sessions))
    prices = price_features(panel, view.universe)
    last = prices.rows(len(panel.sessions) - count, len(panel.sessions))
    half_life, scorer = config.settings.news.sentiment_half_life_days, config.settings.news.sentiment
    cutoffs = _cutoffs(view, config.settings.schedule.morning, count)
    news = sentiment_features(view.news, panel.tickers, last.sessions, cutoffs, half_life, scorer=scorer)
    return join_features(last, news, membership(panel, view.universe)[-count:])


def price_features(panel: Panel, universe: Universe) -> FeaturePanel:
    """Everything that bars alone say of each ticker: by itself, and against its sector."""
    sectors = tuple(universe.sector_of(ticker) for ticker in panel.tickers)
    return concat((technical(panel, universe.index_ticker), relative(panel, sectors, membership(panel, universe))))


def join_features(prices: FeaturePanel, news: FeaturePanel, among: Mask) -> FeaturePanel:
    """Levels of prices and news, the composite of both, then the ranks of all `among` the members of each session."""
    levels = concat((prices, news))
    levels = concat((levels, composite(levels, among)))
    return concat((levels, ranked(levels, among)))


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


def decide_exits(book: Book, question: Question, rules: RiskRules) -> Iterator[Decided]:
    """Decide every holding without a model's opinion: what an intraday check may do."""
    for position in sorted(book.positions, key=lambda item: item.ticker):
        yield _decide_holding(position, None, book, question, rules)


def decide(prepared: Prepared, book: Book, holes: Holes, question: Question, config: Config) -> Iterator[Decided]:
    """Decide every holding, then every BUY candidate, one at a time, so that each can be recorded before the next."""
    by_ticker = {signal.ticker: signal for signal in prepared.signals}
    for position in sorted(book.positions, key=lambda item: item.ticker):
        yield _decide_holding(position, by_ticker.get(position.ticker), book, question, config.risk_rules)
    held = {position.ticker for position in book.positions}
    numbers = rule_numbers(config.risk_rules)
    figures, entries = figures_of(book, numbers), 0
    waiting = _candidates(prepared.signals, held)
    holes.expect(_stakes(waiting, prepared, figures, numbers, question, config))
    for signal in waiting:
        decided = _decide_entry(signal, prepared, book, figures, numbers, holes, question, config, entries)
        outcome = decided.decision.outcome
        if isinstance(outcome, SizedOrder):
            entries += 1
            sent = _pending(outcome, prepared.facts[signal.ticker].listing)
            book = replace(book, pending=(*book.pending, sent))
            figures = figures.with_entry(sent, numbers)
        yield decided


def _candidates(found: tuple[Signal, ...], held: set[str]) -> list[Signal]:
    buys = [signal for signal in found if signal.action is Action.BUY and signal.ticker not in held]
    return sorted(buys, key=lambda signal: (-signal.score, signal.ticker))


def _decide_holding(
    position: Position, signal: Signal | None, book: Book, question: Question, rules: RiskRules
) -> Decided:
    verdict = _holding_verdict(position, signal, book, rules)
    identity = question.id_for(position.ticker)
    outcome = exit_order(position, identity) if isinstance(verdict, Exit) else None
    return Decided(decision=_decision(question, position.ticker, signal, verdict, outcome), case=None)


def _holding_verdict(position: Position, signal: Signal | None, book: Book, rules: RiskRules) -> Exit | Hold:
    code = arithmetic.holding_reason(
        STATES.index(book.state),
        position.decision_id == EXTERNAL,
        position.ticker in book.exiting,
        position.stop_price is not None,
        position.sessions_held,
        rules.stops.horizon_sessions,
        signal is not None and signal.action is Action.SELL,
    )
    return _HOLDING_VERDICTS[code]


def _decide_entry(
    signal: Signal,
    prepared: Prepared,
    book: Book,
    figures: BookFigures,
    numbers: RuleNumbers,
    holes: Holes,
    question: Question,
    config: Config,
    entries_so_far: int,
) -> Decided:
    facts = prepared.facts[signal.ticker]
    try:
        sized = _sized(signal, prepared, figures, numbers, question, config, entries_so_far)
        if isinstance(sized, Denial):
            denied = Hold(reason=f"risk: {sized.rule}")
            return Decided(decision=_decision(question, signal.ticker, signal, denied, sized), case=None)
        case = _case(signal, facts, question.as_of, holes.quote)
    except DataMissing as error:
        return Decided(decision=_decision(question, signal.ticker, signal, Hold(reason=str(error)), None), case=None)
    case = case.with_figures(_plan_figures(sized, signal, facts, book, figures))
    answer = holes.review(case, float(book.drawdown))
    outcome, shadow = _settle(sized, answer, config.agents)
    return Decided(
        decision=_decision(question, signal.ticker, signal, answer.verdict, outcome, case, answer, shadow), case=case
    )


def _sized(
    signal: Signal,
    prepared: Prepared,
    figures: BookFigures,
    numbers: RuleNumbers,
    question: Question,
    config: Config,
    entries_so_far: int,
) -> SizedOrder | Denial:
    """What risk would let the desk buy. DataMissing where no prices can be proposed."""
    facts = prepared.facts[signal.ticker]
    rules = config.risk_rules
    proposal = propose(signal, facts.last_price, facts.atr, rules.stops, rules.structure_stop, facts.low)
    candidate = Candidate(
        ticker=signal.ticker,
        issuer=facts.listing.issuer,
        sector=facts.listing.sector,
        median_volume=facts.median_volume,
        faults=facts.faults,
        barred=facts.barred,
        apart=apart_from(signal.ticker, figures.tickers, prepared.moves, numbers.cluster_correlation),
    )
    return assess(proposal, candidate, figures, numbers, question.id_for(signal.ticker), entries_so_far)


def _stakes(
    waiting: Sequence[Signal],
    prepared: Prepared,
    figures: BookFigures,
    numbers: RuleNumbers,
    question: Question,
    config: Config,
) -> dict[str, Decimal]:
    """The money (USD) that each entry would put in if it were the only one: what it may lose overnight, stop or not."""
    stakes = {}
    for signal in waiting:
        try:
            sized = _sized(signal, prepared, figures, numbers, question, config, 0)
        except DataMissing:
            continue
        if isinstance(sized, SizedOrder) and sized.limit_price is not None:
            stakes[signal.ticker] = sized.quantity * sized.limit_price
    return stakes


def _settle(sized: SizedOrder, answer: Review, agents: Agents) -> tuple[SizedOrder | Denial | None, SizedOrder | None]:
    """What is sent, and what would have been sent if the committee had said nothing (None: the same)."""
    match answer.verdict:
        case Enter(size_fraction=1.0):
            return sized, None
        case Enter(size_fraction=size_fraction):
            return shrink(sized, size_fraction), sized
        case Veto():
            return None, sized
        case Abstain():
            if agents.unreviewed == "reduce":
                return shrink(sized, agents.unreviewed_size_fraction), sized
            return None, sized
        case _:
            assert_never(answer.verdict)


def _decision(
    question: Question,
    ticker: str,
    signal: Signal | None,
    verdict: Verdict,
    outcome: SizedOrder | Denial | None,
    case: Case | None = None,
    answer: Review | None = None,
    shadow: SizedOrder | None = None,
) -> Decision:
    return Decision(
        id=question.id_for(ticker),
        session=question.session,
        slot=question.slot,
        as_of=question.as_of,
        ticker=ticker,
        case_hash=case.hash if case else None,
        signal=signal,
        critiques=answer.critiques if answer else (),
        verdict=verdict,
        outcome=outcome,
        shadow=shadow,
        config_hash=question.config_hash,
        model_version=question.model_version,
    )


def _case(signal: Signal, facts: Facts, as_of: datetime, quote: Quote) -> Case:
    figures = tuple(
        Figure(id=f"f{number}", name=name, value=float(f"{value:.6g}"), unit="")
        for number, (name, value) in enumerate(facts.features.items(), start=1)
    )
    return Case(
        ticker=signal.ticker,
        name=facts.listing.name,
        sector=facts.listing.sector,
        as_of=as_of,
        signal=signal,
        last_close=facts.last_close,
        atr=facts.atr,
        figures=figures,
        passages=quote(signal.ticker, facts.listing.name, as_of),
    )


def _plan_figures(
    sized: SizedOrder, signal: Signal, facts: Facts, book: Book, figures: BookFigures
) -> tuple[Figure, ...]:
    """The plan and the book in numbers, under ids p1, p2, ... All fractions are of equity."""
    limit, stop, target = sized.limit_price, sized.stop_price, sized.target_price
    if limit is None or stop is None or target is None:
        raise ValueError(f"{sized.client_order_id}: an entry must carry limit, stop and target prices")
    equity = book.equity
    sector = usd(figures.exposure(facts.listing.sector)) + sized.quantity * limit
    values = {
        "score": signal.excess,
        "p_buy": signal.p_buy,
        "p_sell": signal.p_sell,
        "risk_fraction": float(sized.quantity * (limit - stop) / equity),
        "position_fraction": float(sized.quantity * limit / equity),
        "reward_risk": float((target - limit) / (limit - stop)),
        "open_positions": float(len(book.positions) + len(book.pending)),
        "sector_fraction": float(sector / equity),
        "drawdown": float(book.drawdown),
        "open_risk_fraction": float(usd(figures.open_risk) / equity),
    }
    return tuple(
        Figure(id=f"p{number}", name=name, value=float(f"{value:.6g}"), unit="")
        for number, (name, value) in enumerate(values.items(), start=1)
    )


def _pending(order: SizedOrder, listing: Listing) -> PendingEntry:
    if order.limit_price is None or order.stop_price is None:
        raise ValueError(f"{order.client_order_id}: an entry must carry limit and stop prices")
    return PendingEntry(
        ticker=order.ticker,
        issuer=listing.issuer,
        sector=listing.sector,
        quantity=order.quantity,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
    )


def membership(panel: Panel, universe: Universe) -> Mask:
    """Which (session, ticker) belonged to the universe; the index never does."""
    member = np.zeros((len(panel.sessions), len(panel.tickers)), dtype=np.bool_)
    columns = {ticker: column for column, ticker in enumerate(panel.tickers)}
    for listing in universe.listings:
        column = columns.get(listing.ticker)
        if column is None or listing.ticker == universe.index_ticker:
            continue
        first = np.searchsorted(panel.sessions, np.datetime64(listing.member_from, "D"))
        last = len(panel.sessions)
        if listing.member_to is not None:
            last = int(np.searchsorted(panel.sessions, np.datetime64(listing.member_to, "D")))
        member[first:last, column] = True
    return member


def _cutoffs(view: MarketView, morning: time, count: int) -> Instants:
    """For each of the last `count` sessions, when the run that reads it as its last bar takes place."""
    days = view.panel.sessions
    following = days[len(days) - count + 1 :].tolist()
    mornings = [datetime.combine(day, morning, NEW_YORK).astimezone(UTC).replace(tzinfo=None) for day in following]
    return np.array([*mornings, view.as_of.astimezone(UTC).replace(tzinfo=None)], dtype="datetime64[us]")


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
            low=float(lows[column]),
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
