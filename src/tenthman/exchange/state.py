"""What lets a served exchange survive its end: a journal of everything that changed it, repeated at the next start.

An exchange is exact: the same calls at the same times give the same orders, ids, fills and events. So the journal
holds the calls, each on disk before it is answered or its events are told, and nothing else. What was answered has
happened, whatever ended the process; of the time that passed while nothing happened at most the last second is lost.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path

from tenthman.db.journal import Journal, open_journal
from tenthman.domain.errors import SetupError
from tenthman.exchange.accounts import TradingAccount, Venue
from tenthman.exchange.alpaca_requests import read_body
from tenthman.exchange.alpaca_routes import Endpoint, endpoint_of
from tenthman.exchange.alpaca_trading import Call
from tenthman.exchange.clockwork import Clockwork
from tenthman.exchange.orders import Refusal
from tenthman.exchange.stage import read_incident

FORMAT = 1


class State:
    """The journal of one venue. Made by `open_state`. Once a line could not be written, none is any more."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._is_broken = False

    def keep_call(self, venue: Venue, account: TradingAccount, endpoint: Endpoint, call: Call, raw: bytes) -> None:
        """Keep a call that was carried out."""
        self._append(
            venue,
            {
                "account": venue.accounts.index(account),
                "call": [endpoint.method, endpoint.path],
                "names": dict(call.path),
                "query": dict(call.query),
                "body": raw.decode(),
            },
        )

    def keep_time(self, venue: Venue) -> None:
        """Keep that the time has moved."""
        self._append(venue, {})

    def keep_incident(self, venue: Venue, body: Mapping[str, object]) -> None:
        """Keep that the market was rewritten."""
        self._append(venue, {"incident": body})

    def repeat(self, clockwork: Clockwork) -> int:
        """Carry out all that was kept, and tell nobody; how many entries. SetupError where one cannot be repeated."""
        number = 1
        for number, line in enumerate(islice(self._journal.lines(), 1, None), 2):
            try:
                self._repeat(clockwork, json.loads(line))
            except (Refusal, ValueError, KeyError, IndexError, TypeError) as error:
                raise SetupError(
                    f"line {number} of the state cannot be repeated ({error}); it was kept by another version, or "
                    "changed: start with another file"
                ) from error
        clockwork.venue.forget()
        return number - 1

    def _append(self, venue: Venue, entry: Mapping[str, object]) -> None:
        """OSError where the line cannot be written, and ever after: what follows a gap must not be kept."""
        if self._is_broken:
            raise OSError("the state could not be kept before; start the exchange again where there is room for it")
        line = json.dumps({"at": venue.now.isoformat(), **entry}, separators=(",", ":"))
        self._is_broken = True
        self._journal.append(line.encode())
        self._is_broken = False

    @staticmethod
    def _repeat(clockwork: Clockwork, entry: Mapping[str, object]) -> None:
        at = datetime.fromisoformat(str(entry["at"]))
        if at > clockwork.venue.now:
            clockwork.move(at)
        incident = entry.get("incident")
        if isinstance(incident, dict):
            clockwork.play(read_incident(incident))
        kept = entry.get("call")
        if not isinstance(kept, list):
            return
        endpoint = endpoint_of(*kept)
        raw = str(entry["body"]).encode()
        call = Call(path=_texts(entry["names"]), query=_texts(entry["query"]), body=read_body(raw) if raw else {})
        endpoint.answer(clockwork.venue.accounts[_whole(entry["account"])], call)


@contextmanager
def open_state(path: Path, market: Mapping[str, object]) -> Iterator[State]:
    """The state kept in `path`, begun if there is none. `market` names what it belongs to.

    Raises SetupError when the file cannot be written, is written by another process, or belongs to something else.
    """
    head = json.dumps({"format": FORMAT, **market}, separators=(",", ":"), sort_keys=True).encode()
    with open_journal(path) as journal:
        found = next(journal.lines(), None)
        if found is None:
            journal.append(head)
        elif found != head:
            raise SetupError(f"{path}: must be the state of {head.decode()}, was {_shown(found)}")
        yield State(journal)


def _shown(line: bytes) -> str:
    return ascii(line.decode(errors="replace"))[1:-1][:400]


def _texts(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise TypeError(f"must be an object, was {type(value).__name__}")
    return {str(name): str(text) for name, text in value.items()}


def _whole(value: object) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"`account` must be a number of an account, was {value!r}")
    return value
