"""Options mean the same in every command: where the HTML report goes is `--html`, and older names are still read."""

import pytest
import typer.main

from tenthman.cli.app import app

OLDER = {"rehearse": "--report", "report": "--out", "backtest": None}


@pytest.mark.parametrize("command", OLDER)
def test_the_html_report_goes_where_html_says_and_older_names_are_still_read(command: str) -> None:
    (place,) = [item for item in typer.main.get_command(app).commands[command].params if "--html" in item.opts]
    assert place.name == "html"
    assert set(place.opts) - {"--html"} == {OLDER[command]} - {None}
