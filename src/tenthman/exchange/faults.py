"""What can go wrong with a broker, on command: a list of faults, each with what it meets and how often.

A fault is data. The edge asks before and after each call which faults meet it, the streams ask for each batch of
events; nothing else knows of them. What goes wrong with prices is in `stage`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from fnmatch import fnmatchcase
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field, TypeAdapter

from tenthman.exchange.alpaca_requests import read_command
from tenthman.exchange.alpaca_wire import Json

FOR_EVER = 0


class FaultKind(Enum):
    """What happens.

    The first four come instead of an answer, and nothing is done. After the next three, up to `cut`, the call was
    carried out all the same. The last three meet events, not calls.
    """

    TOO_MANY_REQUESTS = "too_many_requests"
    SERVER_ERROR = "server_error"
    UNHEARD_SILENCE = "unheard_silence"
    UNHEARD_CUT = "unheard_cut"
    GATEWAY_TIMEOUT = "gateway_timeout"
    SILENCE = "silence"
    CUT = "cut"
    DROP_FIELDS = "drop_fields"
    CLOCK_SKEW = "clock_skew"
    LOSE_EVENTS = "lose_events"
    DUPLICATE_EVENTS = "duplicate_events"
    REORDER_EVENTS = "reorder_events"


INSTEAD = frozenset(
    {
        FaultKind.TOO_MANY_REQUESTS,
        FaultKind.SERVER_ERROR,
        FaultKind.UNHEARD_SILENCE,
        FaultKind.UNHEARD_CUT,
    }
)
_ON_EVENTS = frozenset({FaultKind.LOSE_EVENTS, FaultKind.DUPLICATE_EVENTS, FaultKind.REORDER_EVENTS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault. It meets calls by `method` and `path` (`*` stands for anything), lets `skip` pass, then acts `times`.

    `times` 0: until it is removed. `seconds` is how long a silence lasts and how far the clock is off; `status` the
    5xx that is answered; `names` the fields that are removed, wherever they stand. Events are met one batch a time.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    kind: FaultKind
    method: str = "*"
    path: str = "*"
    skip: Annotated[int, Field(ge=0)] = 0
    times: Annotated[int, Field(ge=0)] = 1
    seconds: Annotated[float, Field(ge=-86_400, le=86_400)] = 30.0
    status: Annotated[int, Field(ge=500, le=599)] = 503
    names: tuple[str, ...] = ()


class Faults:
    """The faults at work, oldest first."""

    def __init__(self) -> None:
        self._at_work: list[tuple[Fault, int]] = []

    def __bool__(self) -> bool:
        return bool(self._at_work)

    @property
    def at_work(self) -> tuple[Fault, ...]:
        """Those that have not acted as often as they should."""
        return tuple(fault for fault, _ in self._at_work)

    def add(self, fault: Fault) -> None:
        """Put `fault` to work."""
        self._at_work.append((fault, 0))

    def clear(self) -> None:
        """Remove all."""
        self._at_work.clear()

    def meet(self, method: str, path: str) -> list[Fault]:
        """The faults that act on this call; each is counted."""
        return self._take(
            lambda fault: (
                fault.kind not in _ON_EVENTS and fnmatchcase(method, fault.method) and fnmatchcase(path, fault.path)
            )
        )

    def events(self, events: Sequence[Json]) -> list[Json]:
        """A batch of events as the stream shall tell it."""
        told = list(events)
        for fault in self._take(lambda fault: fault.kind in _ON_EVENTS) if told else ():
            match fault.kind:
                case FaultKind.LOSE_EVENTS:
                    told = []
                case FaultKind.DUPLICATE_EVENTS:
                    told = [event for event in told for _ in range(2)]
                case FaultKind.REORDER_EVENTS:
                    told.reverse()
        return told

    def _take(self, meets: Callable[[Fault], bool]) -> list[Fault]:
        acting, left = [], []
        for fault, met in self._at_work:
            if not meets(fault):
                left.append((fault, met))
                continue
            if met >= fault.skip:
                acting.append(fault)
            if fault.times == FOR_EVER or met + 1 < fault.skip + fault.times:
                left.append((fault, met + 1))
        self._at_work = left
        return acting


def read_fault(body: Mapping[str, object]) -> Fault:
    """A fault as the control endpoint is told it; Refusal 422 naming the first thing wrong with it."""
    return read_command(_FAULT, body, "fault")


def show_fault(fault: Fault) -> Json:
    """A fault as the control endpoint tells it."""
    shown: dict[str, object] = _FAULT.dump_python(fault, mode="json")
    return shown


def without(body: object, names: Sequence[str]) -> object:
    """`body` without the fields `names`, at any depth."""
    if isinstance(body, Mapping):
        return {key: without(value, names) for key, value in body.items() if key not in names}
    return [without(item, names) for item in body] if isinstance(body, list | tuple) else body


def skewed(body: object, seconds: float) -> object:
    """A clock's answer with its time put forward by `seconds`; anything else as it is."""
    if not isinstance(body, Mapping) or not isinstance(body.get("timestamp"), str):
        return body
    told = datetime.fromisoformat(str(body["timestamp"])) + timedelta(seconds=seconds)
    return {**body, "timestamp": told.isoformat()}


_FAULT = TypeAdapter(Fault)
