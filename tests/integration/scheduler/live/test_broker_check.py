"""`tenthman broker check`: what it says of a sound broker and of one that breaks promises, and what it leaves."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from tenthman_broker_battery import battery_market, battery_start
from tenthman_exchange import SETTINGS, served
from typer.testing import CliRunner

from tenthman.cli.app import app
from tenthman.cli.broker import app as broker_app
from tenthman.config import load_config
from tenthman.domain.errors import ConfigError
from tenthman.exchange.process import ExchangeProcess
from tenthman.execution.trial import TrialBroker
from tenthman.scheduler.live.broker_check import Verdict, broker_on_trial, check_broker


@contextmanager
def at_hour(hours: float, folder: Path) -> Iterator[ExchangeProcess]:
    """An exchange so many hours after half an hour before the first opening."""
    market = battery_market()
    with served(market, battery_start(market) + timedelta(hours=hours), folder) as process:
        yield process


def on_trial(process: ExchangeProcess, kind: type[TrialBroker] = TrialBroker) -> TrialBroker:
    return kind(process.rest_url, process.key, process.secret, SETTINGS)


def quickly(broker: TrialBroker) -> dict[str, Verdict]:
    return {item.promise: item for item in check_broker(broker, "AAA", pause=lambda _seconds: None)}


def test_our_own_exchange_keeps_every_promise_and_nothing_is_left_behind(tmp_path: Path) -> None:
    with at_hour(2, tmp_path) as process:
        broker = on_trial(process)
        verdicts = quickly(broker)
        assert {item.kept for item in verdicts.values()} == {True}, verdicts
        assert len(verdicts) == 13
        assert list(broker.open_orders()) == []
        assert list(broker.positions()) == []


def test_while_the_market_is_closed_what_needs_a_fill_is_not_tried_and_the_rest_is(tmp_path: Path) -> None:
    with at_hour(10, tmp_path) as process:
        broker = on_trial(process)
        verdicts = quickly(broker)
        untried = {name for name, item in verdicts.items() if item.kept is None}
        assert untried == {
            "a market order fills",
            "an order can be replaced",
            "a stop rests and can be moved",
            "a position can be closed",
            "fills and cash agree",
        }
        assert all(item.kept for name, item in verdicts.items() if name not in untried)
        assert list(broker.open_orders()) == []


class Deaf(TrialBroker):
    """Says that it cancels, and does not."""

    def cancel(self, order_id: str) -> bool:
        return True


def test_a_broker_that_does_not_cancel_is_found_out_and_so_is_what_stays_behind(tmp_path: Path) -> None:
    with at_hour(2, tmp_path) as process:
        verdicts = quickly(on_trial(process, Deaf))
    assert verdicts["an order can be cancelled"].kept is False
    assert "still open" in verdicts["leaves nothing behind"].found
    assert verdicts["a market order fills"].kept


def test_shares_that_could_not_be_sold_in_their_turn_are_sold_at_the_end(tmp_path: Path) -> None:
    class Forgetful(TrialBroker):
        """Refuses the order that closes the position."""

        def place(self, body):
            return super().place({**body, "qty": -1} if body["client_order_id"].endswith("-close") else body)

    with at_hour(2, tmp_path) as process:
        broker = on_trial(process, Forgetful)
        verdicts = quickly(broker)
        assert verdicts["a position can be closed"].kept is False
        assert verdicts["leaves nothing behind"].kept
        assert list(broker.positions()) == []


def test_the_command_tells_each_verdict_in_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENTHMAN_HOME", str(tmp_path))
    answer = CliRunner().invoke(app, ["broker", "check", "--endpoint", "exchange", "--json"])
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout)
    assert told["kept"] is True
    assert {item["kept"] for item in told["promises"]} == {True}


def test_there_is_no_endpoint_with_real_money() -> None:
    answer = CliRunner().invoke(broker_app, ["check", "--endpoint", "live"])
    assert answer.exit_code == 2
    assert "live" in answer.output


def test_a_paper_account_needs_its_keys(tmp_path: Path) -> None:
    config = load_config(None, {"TENTHMAN_HOME": str(tmp_path), "PATH": os.environ["PATH"]})
    with pytest.raises(ConfigError, match="ALPACA_API_KEY"), broker_on_trial(config, "paper", None):
        pass


def test_a_symbol_that_our_exchange_does_not_trade_is_refused_before_it_starts(tmp_path: Path) -> None:
    config = load_config(None, {"TENTHMAN_HOME": str(tmp_path), "PATH": os.environ["PATH"]})
    with pytest.raises(ConfigError, match="`--symbol` must be traded"), broker_on_trial(config, "exchange", "NOPE"):
        pass
    for endpoint, symbol in (("exchange", ""), ("paper", " "), ("paper", "SPY;")):
        told = f"`--symbol` must be 1 to 16 of .*, was '{symbol}'"
        with pytest.raises(ConfigError, match=told), broker_on_trial(config, endpoint, symbol):
            pass


@pytest.mark.alpaca_paper
def test_alpacas_paper_account_keeps_every_promise() -> None:
    config = load_config(None, dict(os.environ))
    if config.secrets.alpaca_key is None or config.secrets.alpaca_secret is None:
        pytest.skip(
            "NO PAPER ACCOUNT: this test did NOT run; set ALPACA_API_KEY and ALPACA_SECRET_KEY of a paper account"
        )
    with broker_on_trial(config, "paper", None) as (broker, ticker):
        broken = [item for item in check_broker(broker, ticker) if item.kept is False]
    assert broken == []
