"""What is wrong with a backtest's options is said in one sentence, before any database is started."""

from pathlib import Path

import pytest
from tenthman_command import CONFIG, build_arguments, user_bars, write_user_files

from tenthman.cli.app import app
from tenthman.domain.errors import ConfigError


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's own pack of 2019-01-02 to 2020-08-31."""
    out = tmp_path_factory.mktemp("packs") / "own"
    files = write_user_files(tmp_path_factory.mktemp("files"), user_bars())
    app([str(item) for item in build_arguments(files, out)], standalone_mode=False)
    return out


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home."""
    monkeypatch.setenv("TENTHMAN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TENTHMAN_CONFIG", str(CONFIG))
    return tmp_path / "home"


@pytest.mark.parametrize("command", ["backtest", "parity"])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--from", "2020-08-31", "--to", "2020-05-04"), ("`--from`", "not be after", "2020-05-04", "2020-08-31")),
        (("--from", "2019-03-01"), ("`--from`", "at least 300 sessions", "2019-03-01 leaves 40", "2020-03-12")),
        (("--from", "2020-05-04", "--to", "2021-05-04"), ("`--to`", "2019-01-02..2020-08-31", "2021-05-04")),
        (("--from", "1999-05-04"), ("`--from`", "2019-01-02..2020-08-31", "1999-05-04")),
        (("--to", "2020-05-04"), ("`--to` 2020-05-04", "needs `--from`")),
        (("--scenario", "nosuch"), ("`--scenario`", "default", "'nosuch'")),
        (("--scenario", "crash", "--from", "2020-05-04"), ("`--scenario`", "leave out --from")),
        (("--market", "practice"), ("`--pack`", "'practice'")),
    ],
)
def test_a_period_or_market_that_cannot_be_had(
    pack: Path, home: Path, command: str, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    with pytest.raises(ConfigError) as refused:
        app([command, "--pack", str(pack), *arguments], standalone_mode=False)
    assert [word for word in words if word not in str(refused.value)] == [], str(refused.value)
    assert {path.name for path in home.iterdir()} <= {"logs"} if home.exists() else True


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--costs", "-1"), ("`--costs`", "0..10", "was -1")),
        (("--costs", "nan"), ("`--costs`", "was nan")),
        (("--nulls", "-5"), ("`--nulls`", "at least 0", "-5")),
        (("--nulls", "99999999999"), ("`--nulls`", "at most 10,000,000", "99999999999")),
        (("--jobs", "0"), ("`--jobs`", "at least 1", "was 0")),
        (("--jobs", "99999999999"), ("`--jobs`", "at most 1,024", "99999999999")),
        (("--pack", "/nonexistent"), ("/nonexistent", "no such folder")),
        (("--html", "/proc/none/b.html"), ("/proc/none/b.html", "cannot be written")),
        (("--json", "/"), ("/", "must go to a file")),
    ],
)
def test_an_option_that_makes_no_sense(home: Path, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as refused:
        app(["backtest", *arguments], standalone_mode=False)
    assert [word for word in words if word not in str(refused.value)] == [], str(refused.value)
    assert {path.name for path in home.iterdir()} <= {"logs"} if home.exists() else True
