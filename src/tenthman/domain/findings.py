"""What risk found: every rule that was applied, with what it saw and what it asks for."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One risk rule applied once: what was observed, what the limit is, and whether it passed.

    `bound` tells that this rule determined the final quantity.
    """

    rule: str
    observed: str
    limit: str
    passed: bool
    bound: bool = False


class Findings(Sequence[Check]):
    """Checks in order that are put into words when they are read; as good as a tuple of them."""

    __slots__ = ()

    @property
    @abstractmethod
    def failed(self) -> Sequence[str]:
        """Names of the rules that said no: those of the checks that did not pass."""

    def __eq__(self, other: object) -> bool:
        return tuple(self) == tuple(other) if isinstance(other, tuple | Findings) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))


Checks = tuple[Check, ...] | Findings


def failed_rules(checks: Checks) -> Sequence[str]:
    """Names of the rules that said no; findings are not put into words for it."""
    return [check.rule for check in checks if not check.passed] if isinstance(checks, tuple) else checks.failed
