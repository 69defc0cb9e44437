import pyexpat
import re
import sys
import tarfile
import time
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tenthman.domain.errors import DataCorrupt
from tenthman.domain.news import NewsItem, TimePrecision
from tenthman.news.parser import MAX_BYTES, MAX_ENTRIES, parse_feed

SEEN = datetime(2020, 7, 10, 18, 0, tzinfo=UTC)


def rss(*entries: str, head: str = "", extra: str = "") -> bytes:
    items = "".join(f"<item>{entry}</item>" for entry in entries)
    return (
        f'<?xml version="1.0" encoding="utf-8"?>{head}<rss version="2.0"{extra}><channel><title>Wire</title>{items}'
        "</channel></rss>"
    ).encode()


def parse(body: bytes) -> tuple[NewsItem, ...]:
    return parse_feed(body, source="wire", seen_at=SEEN)


def one(entry: str, **more: str) -> NewsItem:
    (item,) = parse(rss(entry, **more))
    return item


def dated(date: str) -> NewsItem:
    return one(f"<title>Acme rises</title><pubDate>{date}</pubDate>")


def test_an_entry_becomes_a_headline_known_when_it_was_seen() -> None:
    item = one(
        "<title>Acme &amp;amp; Co rises</title><link>https://example.org/a</link><guid>g1</guid>"
        "<description>&lt;p&gt;Up &lt;b&gt;5%&lt;/b&gt;&lt;script&gt;x()&lt;/script&gt;&lt;/p&gt;</description>"
        "<pubDate>Fri, 10 Jul 2020 09:30:00 EDT</pubDate>"
    )
    assert item.headline == "Acme & Co rises"
    assert item.summary == "Up 5%"
    assert item.url == "https://example.org/a"
    assert item.published_at == datetime(2020, 7, 10, 13, 30, tzinfo=UTC)
    assert item.known_at == SEEN
    assert item.precision is TimePrecision.INSTANT


def test_atom_is_read_like_rss() -> None:
    body = (
        b'<feed xmlns="http://www.w3.org/2005/Atom"><title>T</title><entry><id>1</id><title type="html">'
        b"&lt;b&gt;Acme&lt;/b&gt; falls</title><updated>2020-07-10T10:00:00-04:00</updated>"
        b'<link href="https://example.org/b"/></entry></feed>'
    )
    (item,) = parse(body)
    assert item.headline == "Acme falls"
    assert item.published_at == datetime(2020, 7, 10, 14, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("date", "hour"),
    [
        ("Fri, 10 Jul 2020 09:30:00 ET", 13),
        ("Fri, 10 Jan 2020 09:30:00 ET", 14),
        ("Fri, 10 Jul 2020 09:30:00 CT", 14),
        ("Fri, 10 Jul 2020 09:30:00 EST", 14),
        ("Fri, 10 Jul 2020 09:30:00 -0400", 13),
        ("Fri, 10 Jul 2020 09:30:00", 9),
        ("2020-07-10T09:30:00Z", 9),
        ("10 Jul 20 09:30:00 et", 13),
        ("2020-07-10 09:30 ET", 13),
        ("2020-07-10T09:30:00-0400", 13),
        ("Fri, 10 Jul 2020 09:30:00 -0400 (EDT)", 13),
        ("Fri, 10 Jul 2020 09:30:00 America/New_York", 13),
        ("Fri, 10 Jul 2020 09:30:00 CEST", 7),
        ("Fri, 10 Jul 2020 09:30:00 JST", 0),
        ("July 9, 2020 9:30 p.m. ET", 1),
        ("July 10, 2020 9:30 AM -0400", 13),
        ("July 10, 2020 12:30 AM", 0),
    ],
)
def test_zones_are_what_they_say(date: str, hour: int) -> None:
    assert (dated(date).published_at.hour, dated(date).published_at.minute) == (hour, 30)


def test_a_date_without_a_zone_is_read_in_the_zone_of_the_feed() -> None:
    body = rss("<title>Acme</title><pubDate>Fri, 10 Jul 2020 09:30:00</pubDate>")
    (item,) = parse_feed(body, source="wire", seen_at=SEEN, default_zone=ZoneInfo("America/New_York"))
    assert item.published_at == datetime(2020, 7, 10, 13, 30, tzinfo=UTC)


FUTURE = "Sat, 11 Jul 2020 09:30:00 GMT"
UNKNOWN_ZONES = ("Fri, 10 Jul 2020 09:30:00 IST", "Fri, 10 Jul 2020 09:30:00 XYZ", "Fri, 10 Jul 2020 09:30:00 +9900")
UNREADABLE = ("yesterday", "", "Fri, 99 Foo 2020", "0000-00-00", "1594373400", "Fri, 10 Jul 1920 09:30:00 GMT")


@pytest.mark.parametrize("date", [FUTURE, *UNKNOWN_ZONES, *UNREADABLE])
def test_missing_unreadable_and_future_dates_become_the_moment_of_sight(date: str) -> None:
    assert dated(date).published_at == SEEN


def test_a_date_as_long_as_a_feed_takes_no_time() -> None:
    begun = time.process_time()
    assert dated("1:00" + " " * 90_000 + "x").published_at == SEEN
    assert time.process_time() - begun < 2.0


def test_a_date_without_a_time_is_of_day_precision() -> None:
    item = dated("2020-07-09")
    assert item.precision is TimePrecision.DAY
    assert item.effective_at == SEEN


def test_the_publisher_is_taken_off_the_end_of_a_title() -> None:
    item = one('<title>Acme rises - Example News</title><source url="https://example.org">Example News</source>')
    assert item.headline == "Acme rises"


def test_unseen_characters_are_removed_and_long_titles_cut() -> None:
    item = one("<title>Acme\u202e r\u200bises\n now" + " x" * 500 + "</title>")
    assert item.headline.startswith("Acme rises now x")
    assert 290 < len(item.headline) <= 300


def test_addresses_that_are_not_of_the_web_are_dropped() -> None:
    assert one("<title>Acme</title><link>javascript:alert(1)</link>").url == ""


def test_tickers_tagged_by_the_publisher_are_kept() -> None:
    item = one(
        "<title>Acme</title><nasdaq:tickers>AAPL, brk.b,<b/>;;$$$</nasdaq:tickers>",
        extra=' xmlns:nasdaq="http://nasdaq.com/reference/feeds/1.0"',
    )
    assert item.tickers[:1] == ("AAPL",)


def test_ids_come_from_guid_then_link_then_title_and_doubles_are_passed_over() -> None:
    by_guid = [one(f"<title>{title}</title><guid>g</guid>").id for title in ("Acme", "Acme edited")]
    by_link = one("<title>Acme</title><link>https://example.org/a</link>").id
    assert by_guid[0] == by_guid[1]
    assert len({by_guid[0], by_link, one("<title>Acme</title>").id}) == 3
    assert len(parse(rss("<title>A</title><guid>g</guid>", "<title>B</title><guid>g</guid>"))) == 1


def test_an_entry_without_a_title_is_passed_over() -> None:
    assert parse(rss("<description>text</description>", "<title> </title>", "<title>&lt;b&gt;&lt;/b&gt;</title>")) == ()


def test_a_feed_without_entries_is_quiet_not_wrong() -> None:
    assert parse(rss()) == ()


def test_the_last_entry_of_a_feed_that_was_cut_off_is_dropped() -> None:
    body = rss("<title>Acme rises</title>", "<title>Oil slides on supply</title><link>https://example.org/b</link>")
    cut = body[: body.index(b"on supply")]
    assert [item.headline for item in parse(cut)] == ["Acme rises"]


def test_a_raw_ampersand_does_not_cost_the_feed() -> None:
    assert one("<title>AT&T rises</title>").headline.startswith("AT&T")


def test_text_in_a_wrong_encoding_is_still_read() -> None:
    body = rss("<title>Nestl\u00e9 rises</title>").decode().encode("latin-1")
    assert [item.headline for item in parse(body)] == ["Nestl\u00e9 rises"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_marks_at_the_start_are_no_obstacle(encoding: str) -> None:
    text = (
        rss("<title>Acme rises</title>").decode().replace('encoding="utf-8"', f'encoding="{encoding[:6].rstrip("-")}"')
    )
    assert [item.headline for item in parse(text.encode(encoding))] == ["Acme rises"]


def test_no_more_entries_than_the_bound_are_read() -> None:
    assert len(parse(rss(*(f"<title>Acme {n}</title>" for n in range(MAX_ENTRIES + 50))))) == MAX_ENTRIES


BOMB = '<!DOCTYPE rss [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "must not be empty"),
        (b" \n", "must not be empty"),
        (b"<!DOCTYPE html><html><body>Accept cookies</body></html>", "must start as a feed, started with <html>"),
        (b"<html><rss/></html>", "must start as a feed, started with <html>"),
        (b'{"items": []}', "must start as a feed"),
        (b"Too many requests", "must start as a feed"),
        (b"\x1f\x8b\x08\x00abc", "must start as a feed"),
        (b"\xff\xfe<\x00r\x00", "must start as a feed, started with <r>"),
        (rss("<title>&b;</title>", head=BOMB), "must not declare entities"),
        (rss("<title>&b;</title>", head="<!-- " + "x" * 9000 + " -->" + BOMB), "must not declare entities"),
        (rss("<title>&b;</title>", head=BOMB).decode().replace("utf-8", "utf-16").encode("utf-16"), "declare entities"),
        (rss("<title>x</title>").replace(b"utf-8", b"utf-7"), "encoding must be a usual one"),
        (rss("<title>x</title>", head='<!DOCTYPE rss SYSTEM "file:///etc/passwd" [ ]>'), "must not declare entities"),
        (b"<rss" + b" " * MAX_BYTES, "at most"),
    ],
)
def test_what_is_no_feed_or_no_safe_feed_is_refused_with_the_reason(body: bytes, reason: str) -> None:
    with pytest.raises(DataCorrupt, match=reason):
        parse(body)


def test_a_harmless_document_type_is_let_through() -> None:
    assert one(
        "<title>Acme</title>", head='<!DOCTYPE rss PUBLIC "-//N//DTD RSS 0.91//EN" "http://x.org/r.dtd">'
    ).headline


def test_the_xml_parser_knows_the_limit_on_amplification() -> None:
    assert tuple(int(part) for part in pyexpat.EXPAT_VERSION.removeprefix("expat_").split(".")) >= (2, 4, 1)


def test_a_moment_of_sight_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="`seen_at`"):
        parse_feed(rss(), source="wire", seen_at=SEEN.replace(tzinfo=None))


def test_what_trips_the_library_up_is_refused() -> None:
    """Found by fuzzing: a category that ends after its entry, in markup too broken for the strict reading."""
    with pytest.raises(DataCorrupt, match="is not a feed that can be read"):
        parse(b'<rss version="2.0"><channel><item><category>x</item></category></channel></rss>')


REASON = re.compile(r"wire: (the (feed|document|encoding) must|is not a feed that can be read) .+")


def parsed_or_refused(body: bytes) -> tuple[tuple[NewsItem, ...], str | None]:
    try:
        return parse(body), None
    except DataCorrupt as refusal:
        return (), str(refusal)


@pytest.mark.shared_data
def test_every_recorded_feed_parses_or_is_refused_with_a_reason_and_none_hangs_or_fetches(shared_data: Path) -> None:
    read = refused = 0
    reached: list[str] = []
    watching = True

    def watch(event: str, _: object) -> None:
        if watching and event in ("socket.connect", "socket.getaddrinfo", "urllib.Request", "subprocess.Popen"):
            reached.append(event)

    sys.addaudithook(watch)
    with tarfile.open(shared_data / "rss_fixtures.tar.gz") as archive:
        bodies = [(member.name, file.read()) for member in archive if (file := archive.extractfile(member))]
    assert len(bodies) == 629
    for name, body in bodies:
        started = time.process_time()
        items, refusal = parsed_or_refused(body)
        assert time.process_time() - started < 2.0, name
        assert refusal is None or REASON.fullmatch(refusal), name
        assert all(item.known_at == SEEN and item.published_at <= SEEN for item in items)
        read, refused = read + bool(items), refused + (refusal is not None)
    watching = False
    assert reached == []
    assert read > 80
    assert refused < 30
