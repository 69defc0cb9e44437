"""What is asked of Yahoo's chart, read strictly, and refused in Yahoo's form of an error. Pure."""

import re
from calendar import monthrange
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time

from tenthman.domain.market import NEW_YORK
from tenthman.exchange.orders import Code, Refusal

_TITLES = {400: "Bad Request", 404: "Not Found", 422: "Unprocessable Entity"}
_DAYS = {"1d": 1, "5d": 5}
_MONTHS = {"1mo": 1, "3mo": 3, "6mo": 6, "1y": 12, "2y": 24, "5y": 60, "10y": 120}
RANGES = (*_DAYS, *_MONTHS, "ytd", "max")
_EVENTS = frozenset({"div", "split", "splits", "capitalGains", "earn", ""})
# A crumb goes with most questions that Yahoo's clients ask; this address needs none.
_PARAMETERS = frozenset({"period1", "period2", "range", "interval", "includePrePost", "events", "crumb"})
_SECONDS = re.compile(r"-?[0-9]{1,12}")


class ChartRefusal(Refusal):
    """The exchange says no, in Yahoo's form of an error."""

    def __init__(self, http_status: int, description: str) -> None:
        super().__init__(http_status, Code.NOT_FOUND if http_status == 404 else Code.INVALID, description)

    @property
    def body(self) -> dict[str, object]:
        """What the wire says."""
        return {"chart": {"result": None, "error": {"code": _TITLES[self.http_status], "description": self.message}}}


def read_events(query: Mapping[str, str]) -> frozenset[str]:
    """The kinds of events asked for; ChartRefusal for a parameter or a value that this address does not serve."""
    for name in query:
        if name not in _PARAMETERS:
            raise _invalid(name, query[name], f"parameters: {', '.join(sorted(_PARAMETERS))}")
    if query.get("interval", "") != "1d":
        raise _invalid("interval", query.get("interval", ""), "intervals: 1d")
    if query.get("includePrePost", "false").lower() not in ("true", "false"):
        raise _invalid("includePrePost", query["includePrePost"], "values: true, false")
    wanted = frozenset(re.split(r"[,|]", query.get("events", "")))
    if wanted - _EVENTS:
        raise _invalid("events", query["events"], f"events: {', '.join(sorted(_EVENTS - {''}))}")
    return wanted


def read_span(query: Mapping[str, str], begins: Sequence[int], now: datetime) -> tuple[int, int]:
    """The first second and the first that is too late, of `period1` and `period2` or of `range`.

    `begins`: when the sessions opened, oldest first, at least one; ChartRefusal.
    """
    name = query.get("range", "1d")
    if "range" in query or not query.keys() & {"period1", "period2"}:
        if name not in RANGES or "period1" in query or "period2" in query:
            raise _invalid("range", name, f"ranges: {', '.join(RANGES)}, without period1 and period2")
        return _beginning(name, now, begins), seconds(now) + 1
    for part in ("period1", "period2"):
        if not _SECONDS.fullmatch(query.get(part, "")):
            raise _invalid(part, query.get(part, ""), "values: seconds since 1970, with period2 beside period1")
    start, end = int(query["period1"]), int(query["period2"])
    if start > end:
        raise ChartRefusal(
            400, f"Invalid input - start date cannot be after end date. startDate = {start}, endDate = {end}"
        )
    return start, end


def _beginning(name: str, now: datetime, begins: Sequence[int]) -> int:
    if name in _DAYS or name == "max":
        return begins[-_DAYS.get(name, len(begins)) :][0]
    today = now.astimezone(NEW_YORK).date()
    if name == "ytd":
        first = today.replace(month=1, day=1)
    else:
        year, month = divmod(today.year * 12 + today.month - 1 - _MONTHS[name], 12)
        first = date(year, month + 1, min(today.day, monthrange(year, month + 1)[1]))
    return seconds(datetime.combine(first, time(), NEW_YORK))


def seconds(at: datetime) -> int:
    """Seconds since 1970."""
    return int(at.timestamp())


def _invalid(name: str, value: str, valid: str) -> ChartRefusal:
    return ChartRefusal(422, f"Invalid input - {name}={ascii(value)[:80]} is not supported. Valid {valid}")
