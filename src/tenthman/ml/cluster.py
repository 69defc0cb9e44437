"""The way to a Dask cluster that is there already: an address, a check that it runs the same code, a client."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tenthman
from tenthman import __version__
from tenthman.domain.errors import ConfigError, SetupError

CONNECT_TIMEOUT_S = 10

ROOMS = ("backtest", "config", "domain", "exchange", "execution", "ml", "risk", "utils")
"""Where the code lives on which what is computed on a cluster depends."""


@contextmanager
def connected(address: str, rooms: tuple[str, ...] = ROOMS) -> Iterator[Any]:
    """A `distributed.Client` of the scheduler at `address`; its workers, one or more, run the `rooms` that run here."""
    require_address(address)
    try:
        import distributed
    except ImportError:
        raise SetupError('`--cluster` needs Dask, which is an extra: pip install "tenthman[cluster]"') from None
    try:
        client = _client(distributed.Client, address)
    except (OSError, ValueError) as error:
        raise SetupError(f"no Dask scheduler answers at {address}: {error}") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=CONNECT_TIMEOUT_S)
        except TimeoutError:
            raise SetupError(f"the Dask scheduler at {address} has no workers; start `dask worker {address}`") from None
        _require_this_code(client, address, rooms)
        yield client


def require_cluster(address: str, rooms: tuple[str, ...] = ROOMS) -> None:
    """Raise what `connected` would, before any work is done for a cluster that is not there."""
    with connected(address, rooms):
        pass


def require_address(address: str) -> None:
    """ConfigError unless `address` is one of a Dask scheduler."""
    if not re.fullmatch(r"(tcp|tls)://[^\s/:]+:\d{1,5}", address):
        raise ConfigError(f"`--cluster` must look like tcp://host:port, was {address!r}")


def _client(made_by: Any, address: str) -> Any:
    """A client that nothing else in this process takes for its own."""
    return made_by(address, timeout=CONNECT_TIMEOUT_S, set_as_default=False)


def _require_this_code(client: Any, address: str, rooms: tuple[str, ...]) -> None:
    try:
        found = client.run(code_hash, rooms)
    except Exception as error:  # whatever a worker answers when it cannot import the package
        raise SetupError(f"the workers at {address} must have tenthman {__version__} installed: {error}") from error
    others = sorted(worker for worker, code in found.items() if code != code_hash(rooms))
    if others:
        raise SetupError(
            f"the workers at {address} must run the same tenthman as here, {__version__}; not so: {others}"
        )


def code_hash(rooms: tuple[str, ...] = ROOMS) -> str:
    """SHA-256 of the sources on which what is computed depends, where it is called."""
    return sources_hash(Path(tenthman.__file__).parent, rooms)


def sources_hash(package: Path, rooms: tuple[str, ...] = ROOMS) -> str:
    """SHA-256 of the sources of `rooms` under `package`, those of their own folders included."""
    files = sorted(file for room in rooms for file in (package / room).rglob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
