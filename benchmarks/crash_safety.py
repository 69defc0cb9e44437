"""A desk killed hundreds of times by a seed, on a real PostgreSQL and a real exchange: is its record still exact?

Campaigns of 50 kills follow each other, each with a seed of its own, and tell it when they are done: to go on where a
run was stopped, name the seed that comes next and the kills that are left.
"""

import argparse
import logging
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

import structlog
from psycopg import connect, sql
from psycopg.conninfo import make_conninfo
from tenthman_crash import Tally, campaign
from tenthman_crash_desk import DATABASE

from tenthman.db.embedded import open_embedded
from tenthman.db.migrate import migrate
from tenthman.db.pool import open_pool

A_CAMPAIGN = 50


def main() -> None:
    """Kill as often as asked; ends with an error at the first thing that is not as it must be."""
    asked = _asked()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    began, total = time.monotonic(), Tally()
    with tempfile.TemporaryDirectory(prefix="tenthman-crash-") as name:
        home = Path(name)
        home.chmod(0o755)
        with open_embedded(home) as server:
            for number, seed in enumerate(range(asked.seed, asked.seed + -(-asked.kills // A_CAMPAIGN))):
                database = _database(server.url, seed)
                folder = home / str(seed)
                folder.mkdir()
                with campaign(seed, database, folder) as under_way:
                    total.add(under_way.until(min(A_CAMPAIGN, asked.kills - number * A_CAMPAIGN)))
                print(f"seed {seed}: {_told(total)}, {time.monotonic() - began:.0f} s", flush=True)
    for where, times in sorted(total.where.items()):
        print(f"{times:5} {where}")


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def _database(url: str, seed: int) -> str:
    name = f"crash_{seed}"
    with connect(make_conninfo(url, dbname="postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    database = make_conninfo(url, dbname=name)
    with open_pool(database, DATABASE) as pool:
        migrate(pool)
    return database


def _told(tally: Tally) -> str:
    return (
        f"{tally.kills} kills in {tally.lives} lives, database gone {tally.database_gone} times, exchange "
        f"{tally.exchange_gone}, {tally.faults} faults on the wire; {tally.orders} orders and {tally.fills} fills exact"
    )


if __name__ == "__main__":
    main()
