"""The book as a run's record last saw it, for people who look at it: no broker is asked."""

from decimal import Decimal

from tenthman.db.pool import Pool
from tenthman.db.sql import load_queries
from tenthman.domain.errors import ConfigError
from tenthman.domain.order import EXTERNAL, Book, PendingEntry, Position
from tenthman.scheduler.state.ledger import Ledger

_SQL = load_queries("tenthman.scheduler.account", "recorded_book.sql")


def recorded_book(pool: Pool, run_id: str) -> Book:
    """Cash, holdings with their stops, and waiting entries at the last point of the run's equity curve.

    Each name is its own issuer in no sector, and where it came from is left out. ConfigError when the run has no point.
    """
    with pool.connection() as connection:
        point = connection.execute(_SQL["last_point"], [run_id]).fetchone()
        stops = {row[0]: row[1] for row in connection.execute(_SQL["resting_stops"], [run_id]).fetchall()}
        waiting = connection.execute(_SQL["waiting_entries"], [run_id]).fetchall()
    if point is None:
        raise ConfigError(f"run {run_id} has no book on record yet")
    at, session, equity, cash, peak, day_start, holdings = point
    ledger = Ledger.attach(pool, run_id)
    past = ledger.look_back(session)
    return Book(
        as_of=at,
        equity=equity,
        cash=cash,
        day_start_equity=day_start,
        week_start_equity=past.week_start,
        peak_equity=peak,
        bought=past.bought,
        since_stop={},
        positions=tuple(
            Position(
                ticker=ticker,
                issuer=ticker,
                sector="",
                quantity=Decimal(held["quantity"]),
                avg_entry_price=Decimal(held["price"]),
                current_price=Decimal(held["price"]),
                stop_price=stops.get(ticker),
                opened=session,
                sessions_held=0,
                decision_id=EXTERNAL,
            )
            for ticker, held in holdings.items()
        ),
        pending=tuple(
            PendingEntry(ticker=ticker, issuer=ticker, sector="", quantity=left, limit_price=limit, stop_price=stop)
            for ticker, left, limit, stop in waiting
        ),
        exiting=frozenset(),
        state=ledger.trading_state(),
    )
