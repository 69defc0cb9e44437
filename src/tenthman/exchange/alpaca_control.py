"""The control of a served exchange: its clock, its incidents, and what goes wrong with its wire. Only for its owner."""

from datetime import UTC, datetime

from tenthman.exchange.alpaca_feeds import Feed
from tenthman.exchange.alpaca_requests import invalid, read_instant
from tenthman.exchange.alpaca_ticker import Ticker
from tenthman.exchange.alpaca_trading import Call, Reply
from tenthman.exchange.clockwork import Clockwork
from tenthman.exchange.faults import Faults, read_fault, show_fault
from tenthman.exchange.stage import read_incident
from tenthman.exchange.state import State


class Control:
    """What the owner of the clock may ask for."""

    def __init__(self, clockwork: Clockwork, faults: Faults, feeds: tuple[Feed, Feed], state: State | None) -> None:
        self._clockwork = clockwork
        self._venue = clockwork.venue
        self._faults = faults
        self._feeds = feeds
        self._ticker = Ticker(self._venue.market, *feeds)
        self._state = state

    def move(self, to: datetime, *, must_keep: bool = True) -> int:
        """Move time, keep that, and tell everybody; how many order events. Without `must_keep` only events are kept."""
        since = self._venue.now
        count = self._clockwork.move(to)
        if self._state is not None and (count or must_keep):
            self._state.keep_time(self._venue)
        self._venue.publish()
        self._ticker.tell(since)
        return count

    def advance(self, call: Call) -> Reply:
        """POST /control/advance: `to` is a time, or `next_open` or `next_close`."""
        to = self._target(call.body.get("to"))
        if to < self._venue.now:
            raise invalid(f"to must not be before {self._venue.now.isoformat()}, was {to.isoformat()}")
        count = self.move(to)
        return Reply(body={"now": _utc(self._venue.now), "events": count})

    def health(self, _: Call) -> Reply:
        """GET /control/health."""
        listeners = self._venue.listeners
        heard = sum(feed.listeners for feed in self._feeds)
        return Reply(body={"now": _utc(self._venue.now), "listeners": listeners, "subscribers": heard})

    def get_faults(self, _: Call) -> Reply:
        """GET /control/faults: those at work."""
        return Reply(body=[show_fault(fault) for fault in self._faults.at_work])

    def post_fault(self, call: Call) -> Reply:
        """POST /control/faults: put one to work."""
        self._faults.add(read_fault(call.body))
        return self.get_faults(call)

    def delete_faults(self, _: Call) -> Reply:
        """DELETE /control/faults: remove all."""
        self._faults.clear()
        return Reply(status=204)

    def post_incident(self, call: Call) -> Reply:
        """POST /control/incidents: a halt or its end, a gap, a split, a partial fill."""
        incident = read_incident(call.body)
        begins = self._clockwork.play(incident)
        if self._state is not None:
            self._state.keep_incident(self._venue, incident.model_dump(mode="json"))
        return Reply(body={"from": begins})

    def cut(self, _: Call) -> Reply:
        """POST /control/cut: end every websocket connection."""
        streams = sum(account.stream.cut() for account in self._venue.accounts)
        return Reply(body={"streams": streams, "feeds": sum(feed.cut() for feed in self._feeds)})

    def _target(self, to: object) -> datetime:
        clock = self._venue.market.clock()
        if to == "next_open":
            return clock.next_open
        if to == "next_close":
            return clock.next_close
        at = read_instant({"to": to if isinstance(to, str) else ""}, "to")
        if at is None:
            raise invalid("to must be a time in RFC 3339, next_open or next_close")
        return at


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
