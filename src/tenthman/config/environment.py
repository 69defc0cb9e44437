"""What only the environment tells: secrets, the desk's home, and the folder of the four files."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from pydantic import SecretStr

from tenthman.domain.errors import ConfigError, SetupError


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What only the environment may hold. Values never show in a repr."""

    database_url: SecretStr | None
    alpaca_key: SecretStr | None
    alpaca_secret: SecretStr | None

    def values(self) -> tuple[str, ...]:
        """The raw secrets, for masking them in logs."""
        held = (self.database_url, self.alpaca_key, self.alpaca_secret)
        return tuple(item.get_secret_value() for item in held if item is not None)


def load_secrets(environment: Mapping[str, str]) -> Secrets:
    """Secrets from the environment; an empty variable counts as absent."""

    def secret(name: str) -> SecretStr | None:
        value = environment.get(name, "")
        return SecretStr(value) if value else None

    return Secrets(
        database_url=secret("DATABASE_URL"),
        alpaca_key=secret("ALPACA_API_KEY"),
        alpaca_secret=secret("ALPACA_SECRET_KEY"),
    )


def home_directory(environment: Mapping[str, str]) -> Path:
    """TENTHMAN_HOME, else the platform's folder for a user's data (for root: the system's, which other users reach).

    Raises ConfigError for a `~` that leads nowhere, SetupError for a user without a home folder.
    """
    if named := environment.get("TENTHMAN_HOME", ""):
        return _folder("TENTHMAN_HOME", named)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/tenthman")
    try:
        return Path(platformdirs.user_data_dir("tenthman", appauthor=False))
    except RuntimeError:
        raise SetupError(f"the user {os.geteuid()} has no home folder: set TENTHMAN_HOME to a folder") from None


def config_directory(environment: Mapping[str, str]) -> Path:
    """TENTHMAN_CONFIG, else ./config where it holds settings, else the checkout's own; errors as `home_directory`."""
    if named := environment.get("TENTHMAN_CONFIG", ""):
        return _folder("TENTHMAN_CONFIG", named)
    here = Path.cwd() / "config"
    if (here / "settings.yaml").is_file():
        return here
    return Path(__file__).resolve().parents[3] / "config"


def _folder(variable: str, named: str) -> Path:
    try:
        return Path(named).expanduser().resolve()
    except RuntimeError:
        raise ConfigError(f"{variable} must be a folder, was {named!r}: there is no such user's home") from None
