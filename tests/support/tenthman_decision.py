"""What a decision needs, small: a market that wanders, a model trained on it, and prepared candidates made by hand."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from functools import cache
from pathlib import Path

import numpy as np
from tenthman_checker import BookFigures, EntryFigures, Held
from tenthman_markets import INDEX, NEW_YORK, small_market
from tenthman_settings import busy

from tenthman.agents.committee import NO_MODEL, Standing, review
from tenthman.config import Agents, Config, load_config
from tenthman.data.market import MarketHistory, known_at_close
from tenthman.decision import Decided, Facts, Holes, Prepared, Question, compute_features
from tenthman.domain.audit import Slot
from tenthman.domain.features import FeaturePanel
from tenthman.domain.market import Listing, MarketData
from tenthman.domain.news import LinkedItem, NewsItem, Passage, TimePrecision
from tenthman.domain.opinion import Action, Ask, Prompt, Reply, ReplyState, Signal
from tenthman.domain.order import Book, PendingEntry, SizedOrder
from tenthman.features.technical import atr
from tenthman.ml.inference import SignalModel, open_model
from tenthman.ml.labels import triple_barrier
from tenthman.ml.training import train

SESSIONS = 150
TICKERS = tuple(f"T{number:02}" for number in range(14))
SECTORS = ("Energy", "Health Care", "Utilities")
CONFIG = busy(load_config(Path(__file__).resolve().parents[2] / "config", {"TENTHMAN_HOME": "/nonexistent"}))
BINDING = Standing(model="m", digest="d", binding=True)
AS_OF = datetime(2020, 1, 6, 14, 0, tzinfo=UTC)
SESSION = date(2020, 1, 6)


def no_quote(_ticker: str, _name: str, _as_of: datetime) -> tuple[Passage, ...]:
    """Nobody writes about anything."""
    return ()


def holes(ask: Ask | None = None, standing: Standing = BINDING, agents: Agents = CONFIG.agents) -> Holes:
    """Holes without headlines; without `ask` there is no model."""
    known = NO_MODEL if ask is None else standing
    return Holes(quote=no_quote, review=lambda case, drawdown: review(case, ask, agents, known, drawdown))


@cache
def wandering_market() -> MarketData:
    """Fourteen tickers that wander for 150 sessions, one with a halt and one that leaves early, and some headlines."""
    draw = np.random.default_rng(17)
    bars = {}
    for number, ticker in enumerate((*TICKERS, INDEX)):
        close = 40.0 * (1 + number / 10) * np.exp(np.cumsum(draw.normal(0.0, 0.015, SESSIONS)))
        first = close * np.exp(draw.normal(0.0, 0.004, SESSIONS))
        high = np.maximum(first, close) * (1 + draw.uniform(0.0, 0.01, SESSIONS))
        low = np.minimum(first, close) * (1 - draw.uniform(0.0, 0.01, SESSIONS))
        rows = np.round(np.stack([first, high, low, close], axis=1), 4)
        if number == 3:
            rows[60:63] = np.nan
        bars[ticker] = [tuple(row) for row in rows.tolist()]
    market = small_market(bars, sessions_beyond=5)
    listings = tuple(
        replace(item, sector=SECTORS[number % 3], member_to=market.hours[100].session if number == 5 else None)
        for number, item in enumerate(market.universe.listings)
    )
    return replace(market, universe=replace(market.universe, listings=listings))


@cache
def wandering_news() -> tuple[LinkedItem, ...]:
    """A headline on every ticker every few sessions, at times before, during and after the session."""
    draw = np.random.default_rng(23)
    market, items = wandering_market(), []
    for row in range(0, SESSIONS + 3, 2):
        for number, ticker in enumerate(TICKERS):
            if draw.uniform() < 0.5:
                continue
            day = datetime.combine(market.hours[row].session, time(int(draw.integers(0, 24)), 15), NEW_YORK)
            at = day.astimezone(UTC)
            story = NewsItem(
                id=f"n{row}-{number}", headline="words", summary="", source="wire", url="", published_at=at,
                known_at=at, precision=TimePrecision.INSTANT,
            )  # fmt: skip
            feeling = float(np.round(draw.uniform(-1, 1), 3))
            items.append(LinkedItem(item=story, tickers=(ticker,), weight=1.0, sentiment=feeling))
    return tuple(items)


def history_of(market: MarketData, news: Sequence[LinkedItem], rows: int | None = None) -> MarketHistory:
    """`market` as history, cut after `rows` sessions where that is given."""
    count = len(market.panel.sessions) if rows is None else rows
    return MarketHistory(
        market.panel.rows(0, count), known_at_close(market)[:count], news, market.universe, market.hours
    )


def morning_after(market: MarketData, row: int) -> datetime:
    """The morning run that reads session `row` as its last bar."""
    return datetime.combine(market.hours[row + 1].session, time(9), NEW_YORK).astimezone(UTC)


@cache
def tiny_model() -> SignalModel:
    """A model trained on the first 120 sessions of the wandering market: it knows little, but speaks of all."""
    market = wandering_market()
    view = history_of(market, wandering_news()).serve(morning_after(market, 119))
    features = compute_features(view, CONFIG)
    ranks = features.select(tuple(name for name in features.names if name.startswith("rank_")))
    known = ~np.isnan(ranks.values).all(axis=(0, 1))
    ranks = ranks.select(tuple(name for name, defined in zip(ranks.names, known, strict=True) if defined))
    settings = CONFIG.models.signal.model_copy(
        update={
            "history_sessions": 120, "min_history_sessions": 60, "validation_fraction": 0.3, "max_rounds": 15,
            "max_depth": 3, "min_child_weight": 5.0, "learning_rate": 0.2,
        }
    )  # fmt: skip
    stops = CONFIG.risk_rules.stops
    labels = triple_barrier(view.panel, atr(view.panel, stops.atr_sessions), stops)
    members = np.ones(labels.y.shape, dtype=bool)
    members[:, view.panel.column(INDEX)] = False
    trained = train(ranks, labels, members, settings, stops.horizon_sessions)
    return open_model(
        trained.artefact,
        version="tiny",
        feature_names=trained.feature_names,
        feature_set_hash=trained.feature_set_hash,
    )


def a_listing(ticker: str, sector: str = "Energy", issuer: str | None = None) -> Listing:
    """A member since ever."""
    return Listing(
        ticker=ticker, name=f"{ticker} Inc", issuer=issuer or ticker, sector=sector, aliases=(),
        member_from=date(2000, 1, 3), member_to=None,
    )  # fmt: skip


QUIET_FIGURES: Mapping[str, float] = {
    "rsi_14": 55.0,
    "realised_vol_20": 0.25,
    "return_1": 0.002,
    "return_20": 0.03,
    "volume_z_20": 0.1,
    "gap_atr": 0.1,
    "move_atr": 0.2,
}
"""Figures to which the rules critic has no objection."""


def facts_of(
    ticker: str,
    *,
    sector: str = "Energy",
    issuer: str | None = None,
    price: float = 40.0,
    spread: float = 1.0,
    volume: float = 5e6,
    figures: Mapping[str, float] = QUIET_FIGURES,
) -> Facts:
    """What is known of one candidate."""
    return Facts(
        listing=a_listing(ticker, sector, issuer),
        last_price=price,
        last_close=price,
        atr=spread,
        median_volume=volume,
        features=figures,
    )


def signal_of(ticker: str, action: Action = Action.BUY, score: float = 0.3) -> Signal:
    """A signal with p_buy - p_sell equal to `score`."""
    return Signal(
        ticker=ticker, session=date(2020, 1, 3), action=action, p_buy=0.35 + score / 2, p_hold=0.3,
        p_sell=0.35 - score / 2, horizon_sessions=10, model_version="tiny",
    )  # fmt: skip


def prepared_of(facts: Sequence[Facts], signals: Sequence[Signal]) -> Prepared:
    """Candidates and holdings as `prepare` would hand them over."""
    tickers = tuple(item.listing.ticker for item in facts)
    features = FeaturePanel(
        sessions=np.array(["2020-01-03"], dtype="datetime64[D]"),
        tickers=tickers,
        names=("nothing",),
        values=np.zeros((1, len(tickers), 1)),
        definitions=("by-hand",),
    )
    return Prepared(
        as_of=AS_OF,
        features=features,
        signals=tuple(signals),
        facts={item.listing.ticker: item for item in facts},
        skipped={},
    )


def a_question(slot: Slot = Slot.MORNING, config: Config = CONFIG) -> Question:
    """The morning run of 2020-01-06."""
    return Question(session=SESSION, slot=slot, as_of=AS_OF, config_hash=config.hash, model_version="tiny")


def entries(decided: Sequence[Decided]) -> dict[str, SizedOrder]:
    """The entries that are sent, by ticker, in order."""
    return {
        item.decision.ticker: item.decision.outcome
        for item in decided
        if isinstance(item.decision.outcome, SizedOrder) and item.decision.outcome.limit_price is not None
    }


def answering(say: Callable[[Prompt], tuple[ReplyState, str]]) -> Ask:
    """An `ask` that answers each prompt with what `say` returns."""

    def ask(prompts: tuple[Prompt, ...]) -> tuple[Reply, ...]:
        said = [(prompt, *say(prompt)) for prompt in prompts]
        return tuple(
            Reply(
                prompt_hash=prompt.hash, state=state, text=text, model="m", model_digest="d", prompt_tokens=1,
                reply_tokens=1, latency_ms=1,
            )
            for prompt, state, text in said
        )  # fmt: skip

    return ask


def silent(_prompt: Prompt) -> tuple[ReplyState, str]:
    """A model that cannot be reached."""
    return ReplyState.UNREACHABLE, ""


def figures_of(book: Book) -> BookFigures:
    """A book in the figures that the independent checker asks for."""
    return BookFigures(
        equity=book.equity,
        cash=book.cash,
        peak=book.peak_equity,
        day_start=book.day_start_equity,
        held=[
            Held(
                ticker=item.ticker, issuer=item.issuer, sector=item.sector, quantity=item.quantity,
                price=item.current_price, stop=item.stop_price,
            )
            for item in book.positions
        ],
        pending=[_promised(item) for item in book.pending],
        week_start=book.week_start_equity,
        bought=book.bought,
    )  # fmt: skip


def entry_figures(order: SizedOrder, facts: Facts, entries_before: int) -> EntryFigures:
    """An entry in the figures that the independent checker asks for."""
    assert order.limit_price is not None
    assert order.stop_price is not None
    assert order.target_price is not None
    return EntryFigures(
        ticker=order.ticker, issuer=facts.listing.issuer, sector=facts.listing.sector, quantity=order.quantity,
        limit=order.limit_price, stop=order.stop_price, target=order.target_price,
        median_volume=facts.median_volume, entries_before=entries_before, faults=facts.faults, barred=facts.barred,
    )  # fmt: skip


def with_entry(figures: BookFigures, entry: EntryFigures) -> BookFigures:
    """The book after `entry` was sent."""
    sent = Held(
        ticker=entry.ticker, issuer=entry.issuer, sector=entry.sector, quantity=entry.quantity, price=entry.limit,
        stop=entry.stop,
    )  # fmt: skip
    bought = None if figures.bought is None else figures.bought + sent.value
    return replace(figures, pending=[*figures.pending, sent], bought=bought)


def _promised(entry: PendingEntry) -> Held:
    return Held(
        ticker=entry.ticker, issuer=entry.issuer, sector=entry.sector, quantity=entry.quantity,
        price=entry.limit_price, stop=entry.stop_price,
    )  # fmt: skip
