"""When a feed says that something was published. feedparser's reading is corrected where it errs.

It takes "ET" for a fixed UTC-5, a zone that it does not know for UTC, "9:30 PM" for 9:30, and a date without a zone for
UTC or for none.
"""

import re
from calendar import timegm
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from email.utils import parsedate, parsedate_tz
from functools import cache
from time import struct_time
from zoneinfo import ZoneInfo, available_timezones

from tenthman.domain.market import NEW_YORK

EARLIEST_YEAR = 1990
"""A claim from before the web is a misreading, of seconds since 1970 for instance."""

LONGEST = 200
"""No date has more characters, and to look through more would take time with the square of their number."""

_HOURS = {"UT": 0, "UTC": 0, "GMT": 0, "Z": 0, "WET": 0, "WEST": 1, "BST": 1, "CET": 1, "CEST": 2, "MET": 1, "MEST": 2}
_HOURS |= {"EET": 2, "EEST": 3, "MSK": 3, "HKT": 8, "SGT": 8, "JST": 9, "KST": 9, "AEST": 10, "AEDT": 11, "NZST": 12}
_HOURS |= {"NZDT": 13, "AST": -4, "ADT": -3, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6}
_HOURS |= {"PST": -8, "PDT": -7, "AKST": -9, "AKDT": -8, "HST": -10}

ZONES: Mapping[str, tzinfo] = {
    **{name: timezone(timedelta(hours=hours)) for name, hours in _HOURS.items()},
    "ET": NEW_YORK,
    "CT": ZoneInfo("America/Chicago"),
    "MT": ZoneInfo("America/Denver"),
    "PT": ZoneInfo("America/Los_Angeles"),
}
"""Zones by the names that publishers write. "EST" is UTC-5 in July too: it is what they say."""

_COMMENT = re.compile(r"\s*\([^()]*\)\s*$")
_HALF_DAY = re.compile(r"\b(\d{1,2}):(\d\d)((?::\d\d)?)\s*([ap])\.?m\b\.?", re.IGNORECASE)
_OFFSET = re.compile(r"[+-](\d\d):?(\d\d)?$")
_NAME = re.compile(r"[A-Za-z]{1,5}|[A-Za-z]+/[A-Za-z_/]+")
_TIME = re.compile(r"\d:\d\d|T\d\d")
_DAY_ONLY = re.compile(r"\d{4}-?\d\d-?\d\d|(?:[A-Za-z]{3,9},?\s+)?\d{1,2}\s+[A-Za-z]{3,9}\s+\d{4}")


def is_day_only(raw: str) -> bool:
    """Whether `raw` is a date without a time."""
    return _DAY_ONLY.fullmatch(raw) is not None


def instant_of(raw: str, parsed: struct_time | None, default_zone: tzinfo) -> datetime | None:
    """The instant that `raw` tells, in UTC; None when it tells none, or one before 1990.

    `parsed` is feedparser's reading of it. A date without a zone is read in `default_zone`; one with a zone that nobody
    knows is not read, and neither is one of more than 200 characters.
    """
    if len(raw) > LONGEST:
        return None
    try:
        found = _read(raw, parsed, default_zone)
    except (ValueError, OverflowError, OSError, TypeError):
        return None
    return found if found is not None and found.year >= EARLIEST_YEAR else None


def _read(raw: str, parsed: struct_time | None, default_zone: tzinfo) -> datetime | None:
    text = _HALF_DAY.sub(_in_24_hours, _COMMENT.sub("", raw))
    *front, last = text.split() or [""]
    if _NAME.fullmatch(last) and (front or "/" in last):
        zone = _zone(last)
        return None if zone is None else _in_zone(_fields(" ".join(front)), zone)
    offset = _OFFSET.search(text) if _TIME.search(text) else None
    if offset is not None and int(offset[1]) > 14:
        return None
    if text != raw:
        told = parsedate_tz(text)
        shift = None if told is None else told[9]
        zone = default_zone if shift is None or offset is None else timezone(timedelta(seconds=shift))
        return _in_zone(None if told is None else told[:6], zone)
    if offset is not None or last.endswith(("Z", "z")):
        return None if parsed is None else datetime.fromtimestamp(timegm(parsed), tz=UTC)
    return _in_zone(parsed or parsedate(raw), default_zone)


def _in_24_hours(match: re.Match[str]) -> str:
    hour, minute, second, half = match.groups()
    if not 1 <= int(hour) <= 12:
        return match[0]
    return f"{int(hour) % 12 + 12 * (half in 'pP'):02}:{minute}{second}"


def _zone(name: str) -> tzinfo | None:
    known = ZONES.get(name.upper())
    return ZoneInfo(name) if known is None and name in _all_zones() else known


@cache
def _all_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _fields(text: str) -> Sequence[int] | None:
    """Year to second, of a date as in an e-mail or as in ISO 8601."""
    read = parsedate(text)
    return read if read is not None else datetime.fromisoformat(text).timetuple()


def _in_zone(fields: Sequence[int] | None, zone: tzinfo) -> datetime | None:
    if fields is None:
        return None
    year, month, day, hour, minute, second = fields[:6]
    return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=zone).astimezone(UTC)
