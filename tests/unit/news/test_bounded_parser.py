"""Large feeds are read by another process: the same headlines, or a reason, and no waiting."""

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tenthman.domain.errors import DataCorrupt, DataMissing
from tenthman.news import bounded_parser
from tenthman.news.bounded_parser import SMALL, BoundedParser
from tenthman.news.parser import parse_feed

SEEN = datetime(2020, 7, 10, 18, 0, tzinfo=UTC)
HEAD = b'<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel>'
TAIL = b"</channel></rss>"
FEED = HEAD + b"<item><title>x</title></item>" + TAIL


@pytest.fixture(scope="module")
def parser() -> Iterator[BoundedParser]:
    """Reads nothing here, however small it is."""
    with BoundedParser(small=0, seconds=30.0) as opened:
        yield opened


def test_a_large_feed_gives_the_same_headlines_as_a_small_one_would(parser: BoundedParser) -> None:
    entry = (
        "<item><title>Acme \u20ac {} rises</title><link>https://example.org/{}</link><pubDate>{}</pubDate>"
        "<description>" + "More of it. " * 40 + "</description></item>"
    )
    dates = ("Fri, 10 Jul 2020 09:30:00", "2020-07-09", "never")
    body = HEAD + "".join(entry.format(n, n, dates[n % 3]) for n in range(SMALL // 400)).encode() + TAIL
    assert len(body) > SMALL
    found = parser.parse(body, source="wire", seen_at=SEEN, zone="Europe/Paris")
    here = BoundedParser(small=len(body))
    assert found == here.parse(body, source="wire", seen_at=SEEN, zone="Europe/Paris")
    assert here._child is None
    assert {item.published_at for item in found} != {
        item.published_at for item in parse_feed(body, source="wire", seen_at=SEEN)
    }


def test_what_is_refused_is_refused_there_too_and_the_next_feed_is_read_by_the_same_process(
    parser: BoundedParser,
) -> None:
    parser.parse(FEED, source="wire", seen_at=SEEN)
    first = parser._child
    with pytest.raises(DataCorrupt, match="wire: the document must start as a feed, started with <html>"):
        parser.parse(b"<html>", source="wire", seen_at=SEEN)
    [item] = parser.parse(FEED, source="other", seen_at=SEEN)
    assert (item.headline, item.source) == ("x", "other")
    assert parser._child is first


def test_a_reader_that_does_not_start_or_ends_by_itself_costs_this_feed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with BoundedParser(small=0, seconds=30.0) as parser:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "executable", "/nowhere/python")
            with pytest.raises(DataMissing, match=r"wire: no process could be started .*nowhere"):
                parser.parse(FEED, source="wire", seen_at=SEEN)
        with monkeypatch.context() as patch:
            patch.setattr(bounded_parser, "CHILD", "tenthman.news.no_such_reader")
            with pytest.raises(DataCorrupt, match=r"wire: .* ended its reader \(1\) .*No module named tenthman"):
                parser.parse(FEED, source="wire", seen_at=SEEN)
        assert [item.headline for item in parser.parse(FEED, source="wire", seen_at=SEEN)] == ["x"]


def test_a_feed_that_takes_too_long_to_read_is_given_up_and_the_next_one_is_read() -> None:
    body = HEAD + b"<item><title>x</title><author>" + b"-" * 50_000 + b"</author></item>" + TAIL
    with BoundedParser(small=0, seconds=0.5) as parser:
        begun = time.monotonic()
        with pytest.raises(DataCorrupt, match=r"wire: the feed must be read in 0\.5 s, had 50\d+ bytes"):
            parser.parse(body, source="wire", seen_at=SEEN)
        assert time.monotonic() - begun < 5.0
        parser._seconds = 30.0
        assert [item.headline for item in parser.parse(FEED, source="wire", seen_at=SEEN)] == ["x"]


def test_markup_that_the_library_reads_again_and_again_takes_no_longer_for_being_long() -> None:
    """A quarter of a megabyte of comments that never end took it eight seconds while it sanitised what it read."""
    body = HEAD + b"<item><title>x</title><description>" + b"&lt;!--" * 12_000 + b"</description></item> & " + TAIL
    begun = time.process_time()
    [item] = parse_feed(body, source="wire", seen_at=SEEN)
    assert time.process_time() - begun < 2.0
    assert item.headline == "x"
