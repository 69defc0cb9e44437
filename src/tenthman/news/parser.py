"""Bytes of an RSS or Atom feed to headlines. The bytes are hostile until they have passed through here.

feedparser does the reading, but is handed a stream and never an address or a text (it would open either), sees no
document type declaration, and is corrected where it errs: the zone "ET", dates without a zone, pages that are not
feeds, and the last entry of a feed that was cut off.
"""

import hashlib
import io
import re
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

import feedparser

from tenthman.domain.checks import require_aware
from tenthman.domain.errors import DataCorrupt
from tenthman.domain.news import NewsItem, TimePrecision
from tenthman.news.dates import instant_of, is_day_only
from tenthman.news.text import clean, strip_markup

MAX_BYTES = 5_000_000
MAX_ENTRIES = 500
HEADLINE_CAP = 300
SUMMARY_CAP = 1_000
URL_CAP = 2_000
TAG_CAP = 20


def parse_feed(body: bytes, *, source: str, seen_at: datetime, default_zone: tzinfo = UTC) -> tuple[NewsItem, ...]:
    """The headlines of a feed, in its order; entries without a title are passed over, later doubles of an id too.

    Every item is known at `seen_at`. A missing, unreadable or future date becomes `seen_at`; a date without a zone is
    read in `default_zone`; a date without a time gives an item of day precision. At most 500 entries are read.

    Raises DataCorrupt when the body is empty, too large, compressed, in an unusual encoding, declares entities, or is
    not a feed (a consent page answers with status 200, too). A feed without entries is an empty tuple.
    """
    require_aware("seen_at", seen_at)
    _refuse_what_is_no_feed(body, source)
    parsed = _parsed(body, source)
    if not parsed.get("version"):
        raise DataCorrupt(
            f"{source}: is not a feed that can be read ({parsed.get('bozo_exception', 'no known format')})"
        )
    entries = parsed.entries[:-1] if parsed.bozo and _cut_off(body) else parsed.entries
    items: dict[str, NewsItem] = {}
    for entry in entries[:MAX_ENTRIES]:
        # A plain dict: feedparser's own answers for `updated` with `published`, and warns.
        item = _item(dict(entry), source, seen_at, default_zone)
        if item is not None:
            items.setdefault(item.id, item)
    return tuple(items.values())


def _parsed(body: bytes, source: str) -> Any:
    """What feedparser makes of it. Its loose reading of ill-formed markup trips over itself here and there."""
    try:
        return feedparser.parse(io.BytesIO(body), resolve_relative_uris=False, sanitize_html=False)
    except Exception as error:
        # Whatever hostile bytes provoke in the library is the fault of the feed.
        raise DataCorrupt(f"{source}: is not a feed that can be read ({type(error).__name__}: {error})") from error


_ROOTS = frozenset({"rss", "feed", "rdf:rdf", "rdf", "channel"})
_PROLOG = re.compile(rb"(?s)\s+|<\?.*?\?>|<!--.*?-->")
_ROOT = re.compile(rb"<([A-Za-z_][\w.:-]*)")
_ENCODING = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{1,40})["']""", re.IGNORECASE)
_USUAL = re.compile(
    r"utf-?(?:8|16|32)(?:[-_]?[lb]e)?|(?:us-)?ascii|iso-?8859-?\d{1,2}|latin-?1|(?:windows|cp)-?125\d|shift[-_]jis|euc-(?:jp|kr)|"
    r"gb(?:2312|k|18030)|big5|koi8-[ru]|ucs-?[24]|iso-10646-ucs-[24]",
    re.IGNORECASE,
)


def _refuse_what_is_no_feed(body: bytes, source: str) -> None:
    if not body.strip():
        raise DataCorrupt(f"{source}: the feed must not be empty")
    if len(body) > MAX_BYTES:
        raise DataCorrupt(f"{source}: the feed must have at most {MAX_BYTES} bytes, had {len(body)}")
    # Without its zero bytes, UTF-16 and UTF-32 read as ASCII as far as markup goes.
    bare = body.replace(b"\x00", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    declared = _ENCODING.match(bare)
    if declared is not None and not _USUAL.fullmatch(declared[1].decode("ascii")):
        raise DataCorrupt(f"{source}: the encoding must be a usual one, was {declared[1].decode('ascii')!r}")
    place = 0
    while (skipped := _PROLOG.match(bare, place)) is not None:
        place = skipped.end()
    if bare[place : place + 2] == b"<!":
        place = _after_doctype(bare, place, source)
    root = _ROOT.match(bare, place)
    if root is None or root[1].decode("ascii").lower() not in _ROOTS:
        found = "no element" if root is None else f"<{root[1].decode('ascii')[:40]}>"
        raise DataCorrupt(f"{source}: the document must start as a feed, started with {found}")


_DOCTYPE = re.compile(rb"(?is)<!DOCTYPE[^<>\[\]]{0,1000}>")


def _after_doctype(bare: bytes, place: int, source: str) -> int:
    """Where the document goes on after a harmless type declaration; one with a subset of its own is refused."""
    doctype = _DOCTYPE.match(bare, place)
    if doctype is None:
        raise DataCorrupt(f"{source}: the document must not declare entities or elements of its own")
    place = doctype.end()
    while (skipped := _PROLOG.match(bare, place)) is not None:
        place = skipped.end()
    return place


def _cut_off(body: bytes) -> bool:
    tail = body[-4_000:].replace(b"\x00", b"").lower()
    return not any(end in tail for end in (b"</rss", b"</feed", b"</rdf:rdf", b"</rdf", b"</channel"))


def _item(entry: Mapping[str, Any], source: str, seen_at: datetime, default_zone: tzinfo) -> NewsItem | None:
    headline = _without_publisher(strip_markup(_text(entry, "title"), HEADLINE_CAP), entry)
    if not headline:
        return None
    url = _url(_text(entry, "link"))
    key = _text(entry, "id") or url or headline
    published, precision = _published(entry, seen_at, default_zone)
    return NewsItem(
        id=f"{source}:{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()[:24]}",
        headline=headline,
        summary=strip_markup(_text(entry, "summary"), SUMMARY_CAP),
        source=source,
        url=url,
        published_at=published,
        known_at=seen_at,
        precision=precision,
        tickers=_tickers(entry),
    )


def _text(entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key)
    return value if isinstance(value, str) else ""


def _without_publisher(headline: str, entry: Mapping[str, Any]) -> str:
    """News searches end each title with " - Publisher" and name the publisher in an element of its own."""
    publisher = entry.get("source")
    name = clean(_text(publisher, "title"), HEADLINE_CAP) if isinstance(publisher, Mapping) else ""
    return headline.removesuffix(f" - {name}").strip() if name else headline


def _url(text: str) -> str:
    url = clean(text, URL_CAP)
    return url if re.fullmatch(r"https?://[^\s<>\"']+", url, re.IGNORECASE) else ""


_TICKER = re.compile(r"[A-Z]{1,5}(?:[.-][A-Z])?")


def _tickers(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """Symbols that the publisher tagged in an element of its own (Nasdaq's feeds)."""
    words = re.split(r"[\s,;]+", _text(entry, "nasdaq_tickers").upper())
    return tuple(dict.fromkeys(word for word in words if _TICKER.fullmatch(word)))[:TAG_CAP]


def _published(entry: Mapping[str, Any], seen_at: datetime, default_zone: tzinfo) -> tuple[datetime, TimePrecision]:
    raw = (_text(entry, "published") or _text(entry, "updated")).strip()
    claimed = instant_of(raw, entry.get("published_parsed") or entry.get("updated_parsed"), default_zone)
    if claimed is None:
        return seen_at, TimePrecision.INSTANT
    precision = TimePrecision.DAY if is_day_only(raw) else TimePrecision.INSTANT
    return min(claimed, seen_at), precision
