"""Two runs agree line by line, and a line that stands twice in one of them is not the same as one."""

from datetime import UTC, datetime

from tenthman.backtest.parity import unlike
from tenthman.backtest.parity_lines import Line

AT = datetime(2020, 1, 6, 15, tzinfo=UTC)


def fill(text: str, ticker: str = "A") -> Line:
    return Line(kind="fill", at=AT, ticker=ticker, text=text, decision_id="d")


def test_equal_lines_agree_in_any_order_of_one_instant() -> None:
    ours, theirs = [fill("buy 5"), fill("buy 7")], [fill("buy 7"), fill("buy 5")]
    assert list(unlike(ours, theirs)) == []


def test_an_execution_that_one_side_has_twice_differs_on_whichever_side_it_is() -> None:
    twice, once = [fill("buy 5"), fill("buy 5")], [fill("buy 5")]
    assert list(unlike(twice, once)) == [(fill("buy 5"), None)]
    assert list(unlike(once, twice)) == [(None, fill("buy 5"))]


def test_lines_of_one_instant_and_ticker_stand_beside_each_other() -> None:
    ours, theirs = [fill("buy 5"), fill("buy 9", "B")], [fill("buy 6"), fill("buy 9", "C")]
    assert list(unlike(ours, theirs)) == [
        (fill("buy 5"), fill("buy 6")),
        (fill("buy 9", "B"), None),
        (None, fill("buy 9", "C")),
    ]
