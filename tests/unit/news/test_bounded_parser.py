"""Large feeds are read by a process of their own: the same headlines, or a reason, and no waiting."""

import sys
import time
from datetime import UTC, datetime

import pytest

from tenthman.domain.errors import DataCorrupt, DataMissing
from tenthman.news import bounded_parser
from tenthman.news.bounded_parser import SMALL, parse_within
from tenthman.news.parser import parse_feed

SEEN = datetime(2020, 7, 10, 18, 0, tzinfo=UTC)
HEAD = b'<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel>'
TAIL = b"</channel></rss>"


def test_a_large_feed_gives_the_same_headlines_as_a_small_one_would() -> None:
    entry = (
        "<item><title>Acme \u20ac {} rises</title><link>https://example.org/{}</link><pubDate>{}</pubDate>"
        "<description>" + "More of it. " * 40 + "</description></item>"
    )
    dates = ("Fri, 10 Jul 2020 09:30:00", "2020-07-09", "never")
    body = HEAD + "".join(entry.format(n, n, dates[n % 3]) for n in range(SMALL // 400)).encode() + TAIL
    assert len(body) > SMALL
    found = parse_within(body, source="wire", seen_at=SEEN, zone="Europe/Paris", seconds=30.0)
    assert found == parse_within(body, source="wire", seen_at=SEEN, zone="Europe/Paris", small=len(body))
    assert {item.published_at for item in found} != {
        item.published_at for item in parse_feed(body, source="wire", seen_at=SEEN)
    }


def test_what_is_refused_is_refused_there_too() -> None:
    with pytest.raises(DataCorrupt, match="wire: the document must start as a feed, started with <html>"):
        parse_within(b"<html>", source="wire", seen_at=SEEN, small=0, seconds=30.0)


def test_a_reader_that_does_not_start_or_ends_by_itself_costs_this_feed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/nowhere/python")
        with pytest.raises(DataMissing, match=r"wire: no process could be started .*nowhere"):
            parse_within(b"<rss/>", source="wire", seen_at=SEEN, small=0)
    monkeypatch.setattr(bounded_parser, "CHILD", "tenthman.news.no_such_reader")
    with pytest.raises(DataCorrupt, match=r"wire: .* ended its reader \(1\) .*No module named tenthman"):
        parse_within(b"<rss/>", source="wire", seen_at=SEEN, small=0, seconds=30.0)


def test_a_feed_that_takes_too_long_to_read_is_given_up() -> None:
    body = HEAD + b"<item><title>x</title><author>" + b"-" * 50_000 + b"</author></item>" + TAIL
    begun = time.monotonic()
    with pytest.raises(DataCorrupt, match=r"wire: the feed must be read in 0\.5 s, had 50\d+ bytes"):
        parse_within(body, source="wire", seen_at=SEEN, seconds=0.5)
    assert time.monotonic() - begun < 5.0


def test_markup_that_the_library_reads_again_and_again_takes_no_longer_for_being_long() -> None:
    """A quarter of a megabyte of comments that never end took it eight seconds while it sanitised what it read."""
    body = HEAD + b"<item><title>x</title><description>" + b"&lt;!--" * 12_000 + b"</description></item> & " + TAIL
    begun = time.process_time()
    [item] = parse_within(body, source="wire", seen_at=SEEN, small=len(body))
    assert time.process_time() - begun < 2.0
    assert item.headline == "x"
