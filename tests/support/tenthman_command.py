"""The installed command `tenthman`, run as a user runs it, in a home of its own; and a user's own files for a pack."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from tenthman.data.calendar import sessions_between

COMMAND = Path(sys.executable).with_name("tenthman")
CONFIG = Path(__file__).resolve().parents[2] / "config"
OUTSIDE = ("DATABASE_URL", "ALPACA_API_KEY", "ALPACA_SECRET_KEY", "TENTHMAN_HOME", "TENTHMAN_CONFIG")
PRACTICE = ("rehearse", "--market", "practice", "--from", "2020-01-14", "--to", "2020-01-15")
LIMIT_S = 420.0
GONE_WITHIN_S = 20.0


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def complaints(self) -> list[str]:
        return [line for line in self.err.splitlines() if line.startswith("error:")]


@dataclass(frozen=True, kw_only=True)
class Installed:
    """The command with its environment: a home, and nothing of the tester's own."""

    home: Path
    environment: Mapping[str, str]

    def __call__(self, *arguments: str | Path) -> Answer:
        done = subprocess.run(
            [COMMAND, *map(str, arguments)],
            env=self.environment,
            cwd=self.home.parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )
        return Answer(code=done.returncode, out=done.stdout, err=done.stderr)

    def told(self, *arguments: str | Path) -> Any:
        """What the command says with --json; it must succeed."""
        answer = self(*arguments, "--json")
        assert answer.code == 0, answer.err
        return answer.json

    def stopped_at(self, mark: str, number: signal.Signals, *arguments: str | Path) -> Answer:
        """The command, sent a signal as soon as a line of its standard error holds `mark`.

        SIGINT goes to its whole process group, as a terminal's Ctrl-C does.
        """
        with subprocess.Popen(
            [COMMAND, *map(str, arguments)],
            preexec_fn=_hear_ctrl_c,  # noqa: PLW1509 # setting a signal's default takes no lock
            env=self.environment,
            cwd=self.home.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            text=True,
        ) as process:
            assert process.stderr is not None
            said = []
            for line in process.stderr:
                said.append(line)
                if mark in line:
                    (os.killpg if number is signal.SIGINT else os.kill)(process.pid, number)
                    break
            out, rest = process.communicate(timeout=LIMIT_S)
        assert mark in said[-1], "".join(said)
        return Answer(code=process.returncode, out=out, err="".join(said) + rest)

    def with_environment(self, **variables: str) -> "Installed":
        return replace(self, environment={**self.environment, **variables})

    def processes(self) -> list[str]:
        """Processes that belong to this home: by their environment, their command line or their working folder."""
        return [
            f"{folder.name} {_read(folder / 'cmdline')!r}"
            for folder in Path("/proc").iterdir()
            if folder.name.isdigit() and int(folder.name) != os.getpid() and self._belongs(folder)
        ]

    def left_behind(self) -> list[str]:
        """Processes of this home that are still there after some seconds' patience."""
        deadline = time.monotonic() + GONE_WITHIN_S
        while (found := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return found

    def _belongs(self, folder: Path) -> bool:
        home = str(self.home).encode()
        mine = b"TENTHMAN_HOME=" + home
        if mine in _read(folder / "environ").split(b"\0") or home in _read(folder / "cmdline"):
            return True
        try:
            return (folder / "cwd").readlink().is_relative_to(self.home)
        except OSError:
            return False


def _hear_ctrl_c() -> None:
    """A test runner that was started in the background ignores SIGINT, and would hand that on."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def installed(home: Path) -> Installed:
    """The command on `home`, with the shipped configuration."""
    kept = {name: value for name, value in os.environ.items() if name not in OUTSIDE}
    environment = {**kept, "TENTHMAN_HOME": str(home), "TENTHMAN_CONFIG": str(CONFIG), "COLUMNS": "100"}
    return Installed(home=home, environment=environment)


def config_copy(folder: Path, **changes: tuple[str, str]) -> Path:
    """The shipped configuration in `folder`; `changes` maps a file's name to (what stands there, what shall stand)."""
    shutil.copytree(CONFIG, folder)
    for name, (old, new) in changes.items():
        path = folder / f"{name}.yaml"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
    return folder


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


Row = dict[str, object]
LIQUID = ("ALDA", "BREK", "CORV", "DUNE", "ELKO", "FARO", "GILD", "HALO", "IBEX")
THIN = ("JURA", "KITE", "LYRA")
INDEX = "OWNX"
SECTORS = ("Energy", "Health Care", "Industrials", "Utilities")
FIRST, LAST = date(2019, 1, 2), date(2020, 8, 31)
OWN_FIRST, OWN_LAST = "2020-08-27", "2020-08-31"


def user_bars(seed: int = 5) -> list[Row]:
    """Some 420 sessions of twelve tickers and an index. What fell on one day rises on the next: a model can find it.

    LIQUID tickers trade millions of shares, THIN ones so few that the liquidity rules forbid them.
    """
    draw = np.random.default_rng(seed)
    sessions = [item.session for item in sessions_between(FIRST, LAST)]
    rows: list[Row] = []
    index = np.zeros(len(sessions))
    for number, ticker in enumerate((*LIQUID, *THIN)):
        noise = draw.normal(0.0, 0.012, len(sessions) + 1)
        returns = noise[1:] - 0.6 * noise[:-1] + 0.0004
        index += returns / (len(LIQUID) + len(THIN))
        volume = (4_000_000 if ticker in LIQUID else 2_000) * (1 + number / 10)
        rows += _bars_of(ticker, sessions, 60.0 * np.exp(np.cumsum(returns)), volume, draw)
    return rows + _bars_of(INDEX, sessions, 200.0 * np.exp(np.cumsum(index)), 9_000_000, draw)


def _bars_of(
    ticker: str, sessions: Sequence[date], close: np.ndarray, volume: float, draw: np.random.Generator
) -> list[Row]:
    opens = close * np.exp(draw.normal(0.0, 0.004, len(close)))
    high = np.maximum(opens, close) * (1 + np.abs(draw.normal(0.0, 0.004, len(close))))
    low = np.minimum(opens, close) * (1 - np.abs(draw.normal(0.0, 0.004, len(close))))
    return [
        {
            "date": session, "ticker": ticker, "open": round(float(opens[row]), 4), "high": round(float(high[row]), 4),
            "low": round(float(low[row]), 4), "close": round(float(close[row]), 4),
            "volume": round(volume * float(draw.uniform(0.7, 1.4))),
        }
        for row, session in enumerate(sessions)
    ]  # fmt: skip


def user_headlines() -> list[Row]:
    """One headline a ticker every other day of the last month; none of them bad enough to veto."""
    words = ("beats estimates and raises its outlook", "opens a new office")
    return [
        {
            "id": f"own-{day}-{ticker}", "published_at": f"{LAST - timedelta(days=day)}T12:00:00Z",
            "precision": "instant", "headline": f"{ticker.title()} Works {words[(day + place) % 2]}", "summary": "",
            "source": "Own wire", "url": "", "tickers": ticker,
        }
        for day in range(1, 30, 2)
        for place, ticker in enumerate((*LIQUID, *THIN))
    ]  # fmt: skip


def user_universe() -> list[Row]:
    """Everyone a member from the first day on, in four sectors."""
    return [
        {
            "ticker": ticker, "name": f"{ticker.title()} Works Inc.", "issuer": ticker, "sector": SECTORS[place % 4],
            "aliases": f"{ticker.title()} Works", "member_from": FIRST, "member_to": "",
        }
        for place, ticker in enumerate((*LIQUID, *THIN))
    ]  # fmt: skip


def write_csv(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    """`rows` as a csv file whose header are the first row's keys."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def build_arguments(folder: Path, out: Path) -> list[str | Path]:
    """What follows `tenthman` to build a pack in `out` from the three csv files in `folder`."""
    files = [f"--{name}={folder / name}.csv" for name in ("bars", "headlines", "universe")]
    return ["pack", "build", out, *files, "--index", INDEX, "--name", "Own twelve", "--description", "Made for a test."]


def write_user_files(folder: Path, bars: Sequence[Row]) -> Path:
    """The three csv files that `build_arguments` names."""
    write_csv(folder / "bars.csv", bars)
    write_csv(folder / "headlines.csv", user_headlines())
    write_csv(folder / "universe.csv", user_universe())
    return folder


def own_rehearsal(pack: Path, config: Path) -> list[str | Path]:
    """What follows `tenthman` to rehearse the last three sessions of the user's pack."""
    return ["rehearse", "--pack", pack, "--from", OWN_FIRST, "--to", OWN_LAST, "--config", config]
