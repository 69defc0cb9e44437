"""What the acceptance tests share: one home with one rehearsal of the practice market, the embedded model included."""

from pathlib import Path
from typing import Any

import pytest
from tenthman_command import (
    PRACTICE,
    Installed,
    build_arguments,
    config_copy,
    installed,
    own_rehearsal,
    user_bars,
    write_user_files,
)
from tenthman_settings import write_busy


@pytest.fixture(scope="session")
def tenthman(session_home: Path) -> Installed:
    """The command on the home that most acceptance tests share."""
    return installed(session_home)


@pytest.fixture(scope="session")
def practice_run(tenthman: Installed) -> dict[str, Any]:
    """What the one whole rehearsal told as JSON; `said` is what it said meanwhile."""
    answer = tenthman(*PRACTICE, "--json")
    assert answer.code == 0, answer.err
    return {**answer.json, "said": answer.err}


@pytest.fixture(scope="session")
def user_run(tenthman: Installed, user_pack: Path, rules_only: Path) -> dict[str, Any]:
    """Three sessions on the user's own pack without a language model; `said` is what it said meanwhile."""
    answer = tenthman(*own_rehearsal(user_pack, rules_only), "--json")
    assert answer.code == 0, answer.err
    return {**answer.json, "said": answer.err}


@pytest.fixture(scope="session")
def rules_only(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A busy desk with all five language roles switched off, and half of twelve names worth proposing."""
    folder = config_copy(tmp_path_factory.mktemp("rules") / "config", agents=("enabled: true", "enabled: false"))
    return write_busy(folder, entry_fraction=0.5)


@pytest.fixture(scope="session")
def user_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a user's own bars, headlines and universe as csv."""
    return write_user_files(tmp_path_factory.mktemp("files"), user_bars())


@pytest.fixture(scope="session")
def user_pack(tenthman: Installed, user_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pack built from them by the command."""
    out = tmp_path_factory.mktemp("packs") / "own"
    answer = tenthman(*build_arguments(user_files, out), "--json")
    assert answer.code == 0, answer.err
    return out
