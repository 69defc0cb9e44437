"""The exchange's process: where its secrets are, what stops it, and what does not."""

import os
import signal
import subprocess
import sys
import textwrap
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import requests
from tenthman_exchange import ACCOUNT, COSTS, eventually, served
from tenthman_markets import at, small_market

from tenthman.domain.errors import BrokerUnavailable, SetupError
from tenthman.exchange.process import ExchangeProcess

MARKET = small_market({"AAA": [(100.0, 104.0, 98.0, 103.0)] * 3})
START = MARKET.hours[0].open_at - timedelta(minutes=30)

posix_only = pytest.mark.skipif(os.name != "posix", reason="signals and /proc are POSIX's")


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def _is_served(url: str) -> bool:
    try:
        return requests.get(f"{url}/v2/clock", timeout=2).status_code == 401
    except requests.ConnectionError:
        return False


def test_the_exchange_is_gone_when_its_owner_leaves(tmp_path: Path) -> None:
    with served(MARKET, START, tmp_path) as process:
        url = process.rest_url
        assert _is_served(url)
    assert not _is_served(url)
    with pytest.raises(BrokerUnavailable):
        ExchangeProcess.advance(process, START)


@posix_only
def test_the_exchange_dies_with_an_owner_that_is_killed(tmp_path: Path) -> None:
    script = textwrap.dedent(
        f"""
        import sys, time
        from pathlib import Path
        sys.path.insert(0, {str(Path(__file__).parents[2] / "support")!r})
        from datetime import timedelta
        from tenthman_exchange import served
        from tenthman_markets import small_market
        market = small_market({{"AAA": [(100.0, 104.0, 98.0, 103.0)] * 3}})
        with served(market, market.hours[0].open_at, Path({str(tmp_path)!r})) as process:
            print(process.pid, process.rest_url, flush=True)
            time.sleep(600)
        """
    )
    owner = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    with owner:
        assert owner.stdout is not None
        lines = iter(owner.stdout.readline, "")
        told = next(line for line in lines if line.split()[0].isdigit()).split()
        pid, url = int(told[0]), told[1]
        assert _is_served(url)
        owner.kill()
        owner.wait()
        assert eventually(lambda: not _is_alive(pid))
        assert not _is_served(url)


@posix_only
def test_an_interrupt_from_the_keyboard_does_not_stop_the_exchange(tmp_path: Path) -> None:
    with served(MARKET, START, tmp_path) as process:
        assert os.getpgid(process.pid) != os.getpgid(0)
        os.kill(process.pid, signal.SIGINT)
        process.advance(at(MARKET, 0, 0.5))
        assert _is_alive(process.pid)


@posix_only
def test_no_secret_stands_on_the_command_line_or_in_the_environment_or_in_the_log(tmp_path: Path) -> None:
    with served(MARKET, START, tmp_path) as process:
        requests.get(f"{process.rest_url}/v2/clock", headers={"APCA-API-KEY-ID": process.key}, timeout=5)
        for name in ("cmdline", "environ"):
            held = Path(f"/proc/{process.pid}/{name}").read_bytes().decode(errors="replace")
            assert process.key not in held
            assert process.secret not in held
    assert process.secret not in (tmp_path / "exchange.log").read_text(encoding="utf-8")


@posix_only
def test_a_killed_exchange_is_reported_with_its_log(tmp_path: Path) -> None:
    with served(MARKET, START, tmp_path) as process:
        os.kill(process.pid, signal.SIGKILL)
        assert eventually(lambda: not _is_alive(process.pid))
        with pytest.raises(BrokerUnavailable, match=r"exchange\.log"):
            process.advance(at(MARKET, 0, 0.5))


def test_time_does_not_go_back(tmp_path: Path) -> None:
    with served(MARKET, START, tmp_path) as process:
        process.advance(at(MARKET, 1, 0.5))
        with pytest.raises(BrokerUnavailable, match="must not be before"):
            process.advance(at(MARKET, 1, 0.4))


def test_a_start_that_fails_says_why(tmp_path: Path) -> None:
    naive = START.replace(tzinfo=None)
    exchange = ExchangeProcess(MARKET, COSTS, np.float64(1), ACCOUNT, naive, tmp_path / "exchange.log")
    with pytest.raises(SetupError, match="aware datetime"), exchange:
        pytest.fail("the exchange must not start")
