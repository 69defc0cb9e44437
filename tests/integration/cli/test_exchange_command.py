"""`tenthman exchange serve` refuses what it cannot serve, in one clear line."""

from datetime import timedelta
from pathlib import Path

import pytest
from tenthman_serving import MARKET, serving
from typer.testing import CliRunner

from tenthman.cli.app import app
from tenthman.cli.exchange import _opening, _speed
from tenthman.domain.errors import ConfigError, SetupError
from tenthman.exchange.serve import keys_of, listening, serve


@pytest.mark.parametrize("speed", ["0", "-1", "fast", "nan", "1e9", "inf"])
def test_a_speed_that_makes_no_sense_is_refused(speed: str) -> None:
    with pytest.raises(ConfigError, match=r"`--speed` must be step, or above 0 and at most 1,000,000, was "):
        _speed(speed)


def test_a_speed_is_a_number_or_a_step() -> None:
    assert (_speed("step"), _speed("60"), _speed("0.5")) == (None, 60.0, 0.5)


@pytest.mark.parametrize(
    "options", [["--accounts", "0"], ["--port", "70000"], ["--market", "moon"], ["--cash", "0"], ["--rate-limit", "-1"]]
)
def test_an_option_out_of_its_bounds_is_refused_before_anything_is_opened(options: list[str]) -> None:
    answer = CliRunner().invoke(app, ["exchange", "serve", *options])
    assert answer.exit_code == 2
    assert options[0] in answer.output


def test_time_starts_at_the_opening_of_the_session_that_is_named() -> None:
    day = MARKET.hours[2]
    assert _opening(MARKET, day.session) == day.open_at
    with pytest.raises(ConfigError, match="`--from` must lie in the market's sessions"):
        _opening(MARKET, MARKET.hours[-1].session + timedelta(days=30))


def test_a_port_that_is_taken_is_told_and_nothing_is_kept(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with listening(0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SetupError, match=rf"127\.0\.0\.1:{port} cannot be listened on: .*; name another --port"):
            serve(serving(MARKET, state=state, port=port), lambda _: pytest.fail("it must not be ready"))
    assert not state.exists()


def test_accounts_are_counted_from_one() -> None:
    assert keys_of(1).key != keys_of(2).key
