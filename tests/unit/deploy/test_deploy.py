"""The production wiring, as far as it can be checked without an engine: it names only what the code has."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from compose_spec import ComposeSpecification, PyCompose
from tenthman_cli import UsageError, understand

from tenthman.config import FILES, load_config
from tenthman.domain.errors import ConfigError

ROOT = Path(__file__).parents[3]
KEYS = {"ALPACA_API_KEY": "key", "ALPACA_SECRET_KEY": "secret"}
DIFFERENT = {
    "settings.broker.endpoint",
    "models.language.backend",
    "models.language.model",
    "models.language.base_url",
    "models.language.reply_timeout_s",
}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


@pytest.fixture(scope="module")
def dockerfile() -> list[str]:
    """One instruction a line, comments left out."""
    joined = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    return [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]


def known_variables() -> set[str]:
    """Every variable that the configuration reads from the environment."""
    source = "".join(path.read_text() for path in (ROOT / "src" / "tenthman" / "config").glob("*.py"))
    return set(re.findall(r'(?:environment\.get|secret)\("([A-Z_]+)"', source))


def flat(prefix: str, value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        return {prefix: value}
    return {name: item for key, inner in value.items() for name, item in flat(f"{prefix}.{key}", inner).items()}


def test_hadolint_has_nothing_to_say_about_the_dockerfile() -> None:
    program = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([program, ROOT / "Dockerfile"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_compose_file_follows_the_specification() -> None:
    spec = PyCompose.from_yaml((ROOT / "docker-compose.yml").read_text()).to_spec()
    assert isinstance(spec, ComposeSpecification)
    assert set(spec.services or {}) == {"postgres", "ollama", "ollama-pull", "desk"}


def test_every_image_is_pinned_by_a_tag(compose: dict[str, Any], dockerfile: list[str]) -> None:
    images = [service["image"] for service in compose["services"].values()]
    images += [line.split()[1] for line in dockerfile if line.startswith("FROM ")]
    assert all(re.search(r":[\w.-]*\d[\w.-]*$", image) for image in images), images


def test_the_services_run_commands_that_exist(compose: dict[str, Any], dockerfile: list[str]) -> None:
    entry = next(yaml.safe_load(line.split(" ", 1)[1]) for line in dockerfile if line.startswith("ENTRYPOINT "))
    health = next(yaml.safe_load(line.split(" CMD ")[1]) for line in dockerfile if line.startswith("HEALTHCHECK "))
    assert entry == ["tenthman"]
    assert health[0] == "tenthman"
    understand(compose["services"]["desk"]["command"])
    understand(health[1:])
    with pytest.raises(UsageError):
        understand(["trade", "--no-such-option"])


def test_the_desk_is_given_only_variables_that_the_code_reads(compose: dict[str, Any], dockerfile: list[str]) -> None:
    given = set(compose["services"]["desk"]["environment"])
    assert given == known_variables()
    image = " ".join(line for line in dockerfile if line.startswith("ENV "))
    assert set(re.findall(r"TENTHMAN_\w+", image)) <= known_variables()


def test_secrets_come_only_from_the_environment_and_are_demanded(compose: dict[str, Any]) -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    asked = set(re.findall(r"\$\{(\w+)", text))
    assert asked == set(re.findall(r"\$\{(\w+):\?[^}]+\}", text))
    example = dict(line.split("=", 1) for line in (ROOT / ".env.example").read_text().splitlines() if "=" in line)
    assert example == dict.fromkeys(asked, "")
    assert asked == {"POSTGRES_PASSWORD", "ALPACA_API_KEY", "ALPACA_SECRET_KEY"}


def test_the_database_address_names_the_database_service(compose: dict[str, Any]) -> None:
    services = compose["services"]
    address = re.sub(r"\$\{.*?\}", "x", services["desk"]["environment"]["DATABASE_URL"])
    parts = urlsplit(address)
    database = services["postgres"]["environment"]
    assert (parts.hostname, parts.port) == ("postgres", 5432)
    assert (parts.username, parts.path) == (database["POSTGRES_USER"], f"/{database['POSTGRES_DB']}")


def test_every_service_that_stays_has_a_health_check_and_is_waited_for(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert {name for name, service in services.items() if "healthcheck" in service} == {"postgres", "ollama"}
    assert services["ollama"]["healthcheck"]["test"] == ["CMD", "ollama", "list"]
    assert {name: item["condition"] for name, item in services["desk"]["depends_on"].items()} == {
        "postgres": "service_healthy",
        "ollama": "service_healthy",
        "ollama-pull": "service_completed_successfully",
    }


def test_named_volumes_are_declared_and_no_port_is_published(compose: dict[str, Any]) -> None:
    used = {mount.split(":")[0] for service in compose["services"].values() for mount in service.get("volumes", [])}
    assert used == set(compose["volumes"])
    assert not [name for name, service in compose["services"].items() if "ports" in service]


def test_the_configuration_of_the_image_loads_and_points_at_the_services(compose: dict[str, Any]) -> None:
    config = load_config(ROOT / "deploy" / "config", KEYS)
    language = config.models.language
    assert (config.settings.broker.endpoint, language.backend) == ("paper", "ollama")
    address = urlsplit(str(language.base_url))
    assert (address.hostname, address.port) == ("ollama", 11434)
    assert "ollama" in compose["services"]
    puller = compose["services"]["ollama-pull"]
    assert puller["entrypoint"] == ["/bin/sh", "-c"]
    assert shlex.split(puller["command"][0])[-1] == language.model
    assert puller["environment"]["OLLAMA_HOST"] == language.base_url


def test_the_configuration_of_the_image_is_refused_without_keys() -> None:
    with pytest.raises(ConfigError, match="ALPACA_API_KEY and ALPACA_SECRET_KEY"):
        load_config(ROOT / "deploy" / "config", {})


def test_the_image_differs_from_the_shipped_configuration_only_where_it_must() -> None:
    differing = set()
    for name in FILES:
        ours, image = (
            flat(name, yaml.safe_load((folder / f"{name}.yaml").read_text()))
            for folder in (ROOT / "config", ROOT / "deploy" / "config")
        )
        differing |= {key for key in ours.keys() | image.keys() if ours.get(key) != image.get(key)}
    assert differing == DIFFERENT


def test_everything_that_the_dockerfile_copies_is_there_and_not_ignored(dockerfile: list[str]) -> None:
    copied = [source for line in dockerfile if line.startswith("COPY ") for source in line.split()[1:-1]]
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied
    for source in copied:
        assert (ROOT / source).exists(), source
        assert source.split("/")[0] in allowed, source


def test_the_desk_does_not_run_as_root(dockerfile: list[str]) -> None:
    users = [line.split()[1] for line in dockerfile if line.startswith("USER ")]
    assert users
    assert users[-1] not in ("0", "root")
