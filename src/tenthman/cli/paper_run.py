"""The newest run of the paper account that the keys of the environment open."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tenthman.config import Config
from tenthman.domain.errors import ConfigError

if TYPE_CHECKING:
    from tenthman.db.pool import Pool
    from tenthman.scheduler.gathering.spelled import SpelledBroker


@contextmanager
def newest_paper_run(config: Config) -> "Iterator[tuple[Pool, str, SpelledBroker]]":
    """The store, the run's id, and its broker in the house's tickers. ConfigError where the account has no run yet."""
    from tenthman.data.universe import sp100
    from tenthman.execution.client import AlpacaBroker
    from tenthman.scheduler.gathering.live_market import in_our_names, paper_keys
    from tenthman.scheduler.state.ledger import newest_run
    from tenthman.scheduler.storage import open_storage

    key, secret = paper_keys(config)
    broker = AlpacaBroker(None, key, secret, config.settings.broker)
    account = broker.account().id
    with open_storage(config) as pool:
        run = newest_run(pool, world="paper", account_id=account)
        if run is None:
            raise ConfigError(f"there is no paper run of account {account} yet")
        yield pool, run, in_our_names(broker, pool, sp100())
