"""Gather: bring what the market now shows into PostgreSQL and into memory, stamped with when the desk saw it."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Protocol

import structlog

from tenthman.data.bars import BarStore, Instants
from tenthman.data.market import MarketHistory, MarketView
from tenthman.domain.market import Bar, Panel
from tenthman.domain.news import LinkedItem, NewsItem
from tenthman.news.linker import Linker
from tenthman.news.storage import NewsStore
from tenthman.scheduler.gathering.scoring import Score, lexicon_scores, scored_text

NEWS_OVERLAP = timedelta(hours=1)

log = structlog.get_logger(__name__)


class Source(Protocol):
    """Where bars, news and prices come from: the exchange in a box, or Alpaca's data service."""

    def bars(self, tickers: Sequence[str], first: date, last: date, seen_at: datetime) -> Sequence[Bar]: ...

    def news(self, after: datetime, until: datetime, seen_at: datetime) -> Sequence[NewsItem]: ...

    def latest_prices(self, tickers: Sequence[str]) -> dict[str, Decimal]: ...


def link_items(linker: Linker, items: Sequence[NewsItem], score: Score = lexicon_scores) -> list[LinkedItem]:
    """Each headline with the companies it is about and its sentiment."""
    linked = []
    for item, sentiment in zip(items, score([scored_text(item) for item in items]), strict=True):
        evidence = linker.link(item)
        linked.append(LinkedItem(item=item, tickers=evidence.tickers, weight=evidence.weight, sentiment=sentiment))
    return linked


class Gatherer:
    """Keeps the desk's knowledge up to date: what is stored, and the same in memory for the next decision."""

    def __init__(
        self,
        source: Source,
        history: MarketHistory,
        bar_store: BarStore,
        news_store: NewsStore,
        linker: Linker,
        news_from: datetime,
        score: Score = lexicon_scores,
    ) -> None:
        """`news_from`: everything before it is in `history` already and is not asked for again."""
        self._source = source
        self._history = history
        self._bar_store = bar_store
        self._news_store = news_store
        self._linker = linker
        self._score = score
        self._news_from = news_from
        self._news_until = news_from
        self._seen = {_text_of(item.item) for item in history.serve(news_from).news}

    def refresh(self, at: datetime) -> MarketView:
        """Fetch bars of sessions that closed since the last one stored, and news since the last look; then look.

        Raises BrokerUnavailable or DataCorrupt when the source does not answer or contradicts itself.
        """
        self._refresh_bars(at)
        self._refresh_news(at)
        return self._history.serve(at)

    def look(self, at: datetime) -> MarketView:
        """What is known at `at`, without asking the source."""
        return self._history.serve(at)

    def rebase(self, panel: Panel, known_at: Instants) -> None:
        """Take over stored bars in place of those in memory: their source has rewritten them."""
        self._history = self._history.with_panel(panel, known_at)

    def prices(self, tickers: Sequence[str]) -> dict[str, Decimal]:
        """What each ticker trades at now; tickers without a price are left out."""
        return self._source.latest_prices(tickers)

    def _refresh_bars(self, at: datetime) -> None:
        view = self._history.serve(at)
        closed = [item.session for item in view.hours if item.close_at <= at]
        missing = [session for session in closed if view.last_session is None or session > view.last_session]
        if not missing:
            return
        first, last = missing[0], missing[-1]
        # Whoever has bars goes on having them, member or not: a name that leaves or joins must not show as a gap.
        tickers = sorted({view.universe.index_ticker, *view.panel.tickers, *(item.ticker for item in view.members())})
        # What was not asked for, such as a bar on a holiday, is no bar of a session that the desk knows.
        told, asked = self._source.bars(tickers, first, last, at), set(missing)
        bars = [bar for bar in told if bar.session in asked]
        if len(bars) < len(told):
            log.warning("bars of no session left out", bars=len(told) - len(bars), first=str(first), last=str(last))
        if bars:
            stored = self._bar_store.append(bars)
            self._history = self._history.with_bars(bars)
            log.info("bars gathered", bars=len(bars), stored=stored, first=str(first), last=str(last))

    def _refresh_news(self, at: datetime) -> None:
        since = max(self._news_from, self._news_until - NEWS_OVERLAP)
        found = [item for item in self._source.news(since, at, at) if _text_of(item) not in self._seen]
        self._news_until = at
        if not found:
            return
        items = link_items(self._linker, found, self._score)
        stored = self._news_store.save(items)
        self._history = self._history.with_news(items)
        self._seen.update(map(_text_of, found))
        log.info("news gathered", items=len(items), stored=stored)


def _text_of(item: NewsItem) -> tuple[str, str, str]:
    """An article in one wording: an edited headline is news again, and another version."""
    return item.id, item.headline, item.summary
