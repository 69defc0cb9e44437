"""Options mean the same in every command: where the HTML report goes is `--html`, and older names are still read."""

from datetime import UTC, datetime

import pytest
import typer.main

from tenthman.cli.app import app
from tenthman.cli.options import instant
from tenthman.domain.errors import ConfigError

OLDER = {"rehearse": "--report", "report": "--out", "backtest": None}


@pytest.mark.parametrize("command", OLDER)
def test_the_html_report_goes_where_html_says_and_older_names_are_still_read(command: str) -> None:
    (place,) = [item for item in typer.main.get_command(app).commands[command].params if "--html" in item.opts]
    assert place.name == "html"
    assert set(place.opts) - {"--html"} == {OLDER[command]} - {None}


@pytest.mark.parametrize("text", ["0001-01-01", "1899-12-31T23:59:59Z", "2200-01-01", "9999-12-31T12:00:00Z"])
def test_an_instant_of_years_that_no_clock_of_a_market_can_show_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"`--as-of` must lie in the years 1900\.\.2199, was"):
        instant(text)


@pytest.mark.parametrize("text", ["2019-06-03", "2019-06-02T20:00:00-04:00", "2019-06-03T00:00:00Z"])
def test_an_instant_is_told_in_utc(text: str) -> None:
    found = instant(text)
    assert (found, found.tzinfo) == (datetime(2019, 6, 3, tzinfo=UTC), UTC)
