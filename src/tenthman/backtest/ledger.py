"""The results of sweeps in a file, a line each: what was written survives whatever happens next, and is not redone."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from tenthman.db.journal import Journal, open_journal
from tenthman.domain.canonical import canonical_json
from tenthman.domain.errors import DataCorrupt


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one setting came to. Two outcomes of the same `setting` are equal, wherever they were computed.

    `setting` is the hash of all that the run depends on, `inputs` that of the arrays alone; `values` are what the grid
    names. `sharpe` is per session, not annualised, None for a run that never moved (`skew` and `kurtosis` too).
    `digest` is the SHA-256 of equity, orders and fills.
    """

    setting: str
    inputs: str
    values: Mapping[str, object]
    sessions: int
    total_return: float
    sharpe: float | None
    skew: float | None
    kurtosis: float | None
    max_drawdown: float
    entries: int
    fills: int
    fees_usd: float
    halts: int
    digest: str

    def sortable_sharpe(self) -> float:
        """`sharpe`, and 0 for who did nothing."""
        return 0.0 if self.sharpe is None else self.sharpe


class Ledger:
    """Outcomes in a file, in the order in which they came. Made by `open_ledger`, which holds the lock on it."""

    def __init__(self, path: Path, journal: Journal) -> None:
        self._journal = journal
        self._outcomes = _read(path, journal)

    @property
    def outcomes(self) -> Mapping[str, Outcome]:
        """By setting."""
        return self._outcomes

    def append(self, outcome: Outcome) -> None:
        """Write `outcome`; on disk when this returns. ValueError if its setting is there already."""
        if outcome.setting in self._outcomes:
            raise ValueError(f"`outcome` of setting {outcome.setting[:12]} is in the ledger already")
        self._journal.append(canonical_json(asdict(outcome)).encode())
        self._outcomes[outcome.setting] = outcome


@contextmanager
def open_ledger(path: Path) -> Iterator[Ledger]:
    """The ledger in `path`, made if it is not there; a last line that was cut off is dropped.

    Raises SetupError when the file cannot be written or another process is writing it, DataCorrupt naming the line
    when an earlier one is not an outcome.
    """
    with open_journal(path) as journal:
        yield Ledger(path, journal)


def _read(path: Path, journal: Journal) -> dict[str, Outcome]:
    """Every outcome; a last line that is none is dropped from the journal."""
    outcomes: dict[str, Outcome] = {}
    unsound = ""
    for number, line in enumerate(journal.lines(), start=1):
        if unsound:
            raise DataCorrupt(f"{path}: {unsound}")
        outcome = _parse(line)
        if outcome is None:
            unsound = f"line {number} must be the outcome of a setting, was {line[:80]!r}"
        else:
            outcomes[outcome.setting] = outcome
    if unsound:
        journal.drop_last()
    return outcomes


def _parse(line: bytes) -> Outcome | None:
    try:
        held = json.loads(line)
        outcome = Outcome(**held)
    except (ValueError, TypeError):
        return None
    numbers = [
        held[item.name] for item in fields(Outcome) if item.name not in ("setting", "inputs", "values", "digest")
    ]
    sound = isinstance(held["setting"], str) and isinstance(held["values"], dict)
    return outcome if sound and all(item is None or isinstance(item, int | float) for item in numbers) else None
