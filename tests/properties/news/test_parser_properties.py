from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from tenthman.domain.errors import DataCorrupt
from tenthman.news.parser import parse_feed
from tenthman.news.text import clean, strip_markup

SEEN = datetime(2020, 7, 10, 18, 0, tzinfo=UTC)
HEAD = b'<?xml version="1.0"?><rss version="2.0"><channel>'
MARKUP = (b"<item>", b"</item>", b"<title>", b"</title>", b"<pubDate>", b"</pubDate>", b"</channel></rss>", b"<script>")
LOOSE = (b"2020-07-10", b"ET", b"&", b"&amp;lt;", b"<![CDATA[", b"]]>", b"<!--", b"-->", b"<", b">", b"\x00", b"\xff")
PIECES = st.sampled_from((*MARKUP, *LOOSE, b"Acme rises"))


@settings(max_examples=150)
@given(body=st.one_of(st.binary(), st.lists(PIECES, max_size=25).map(lambda parts: HEAD + b"".join(parts))))
def test_any_bytes_give_headlines_or_one_named_refusal(body: bytes) -> None:
    try:
        items = parse_feed(body, source="wire", seen_at=SEEN)
    except DataCorrupt:
        return
    for item in items:
        assert item.headline == clean(item.headline, 300)
        assert item.published_at <= item.known_at == SEEN


@given(text=st.text(), cap=st.integers(2, 50))
def test_cleaned_text_is_one_bounded_line_and_cleaning_it_again_changes_nothing(text: str, cap: int) -> None:
    line = clean(text, cap)
    assert len(line) <= cap
    assert "\n" not in line
    assert clean(line, cap) == line
    assert "<b" not in strip_markup(f"<b>{text}</b>".replace("<b", "<b", 1), cap)[:2]
    line.encode()
