"""What the desk sees of the market when it decides."""

from datetime import datetime
from typing import Protocol

from tenthman.config import Config
from tenthman.data.market import MarketView
from tenthman.db.pool import Pool
from tenthman.decision import Prepared, prepare
from tenthman.domain.opinion import Action
from tenthman.domain.order import Book
from tenthman.features.store import save_rows
from tenthman.ml.inference import SignalModel
from tenthman.scheduler.gathering.gather import Gatherer


class Sight(Protocol):
    """The market as known at an instant, ready to decide on."""

    def prepare(self, at: datetime, model: SignalModel, book: Book) -> Prepared:
        """Signals and numbers of every member; the rows that decisions on `book` will read are kept."""
        ...

    def after_close(self, at: datetime) -> MarketView:
        """Take in what the session left behind; the market as it is known then."""
        ...


class GatheredSight:
    """Sees what the gatherer brings in, and keeps in PostgreSQL the feature rows that decisions are made on."""

    def __init__(self, gatherer: Gatherer, pool: Pool, market_id: str, config: Config) -> None:
        self._gatherer = gatherer
        self._pool = pool
        self._market_id = market_id
        self._config = config

    def prepare(self, at: datetime, model: SignalModel, book: Book) -> Prepared:
        """Gather, compute, and keep the rows of what is held and of what the model would buy."""
        view = self._gatherer.refresh(at)
        prices = self._gatherer.prices([listing.ticker for listing in view.members()])
        prepared = prepare(view, model, prices, self._config)
        self._keep(prepared, book)
        return prepared

    def after_close(self, at: datetime) -> MarketView:
        """Gather the session's bars and the news since the last look."""
        return self._gatherer.refresh(at)

    def _keep(self, prepared: Prepared, book: Book) -> None:
        wanted = {signal.ticker for signal in prepared.signals if signal.action is Action.BUY}
        wanted |= {position.ticker for position in book.positions if position.ticker in prepared.facts}
        row = len(prepared.features.sessions) - 1
        save_rows(self._pool, self._market_id, prepared.features, row, tuple(sorted(wanted)), prepared.as_of)
