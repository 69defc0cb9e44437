"""What every command does first: read the configuration, start the log."""

import os
from pathlib import Path

from tenthman.config import Config, load_config
from tenthman.domain.errors import SetupError
from tenthman.utils.logging import configure_logging


def start(directory: Path | None) -> Config:
    """The configuration, with logging set up: JSON in TENTHMAN_HOME/logs, warnings and worse nowhere else."""
    config = load_config(directory, os.environ)
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        configure_logging(config.settings.logging.level, config.home / "logs", config.secrets.values(), terminal=False)
    except OSError as error:
        raise SetupError(
            f"TENTHMAN_HOME must be a folder that can be made and written to, was {config.home}: {error.strerror}"
        ) from None
    return config
