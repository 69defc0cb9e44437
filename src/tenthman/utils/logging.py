"""Logging: JSON lines in a file, readable lines on a terminal, secrets masked everywhere.

`bind(run_id=...)` and `bind(decision_id=...)` put ids on every line that follows in the same context.
"""

import logging
import sys
from collections.abc import Iterable, MutableMapping
from contextlib import AbstractContextManager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import structlog

MASK = "***"
MAX_FILE_BYTES = 20 * 1024 * 1024
KEPT_FILES = 5
WARNINGS_ONLY = ("httpx", "httpcore", "urllib3")
"""Libraries that write a line a request, which would bury the desk's own."""

EventDict = MutableMapping[str, Any]


def configure_logging(level: str, folder: Path | None, secrets: Iterable[str], *, terminal: bool) -> Path | None:
    """Send every log line to `folder`/tenthman.log as JSON, and to standard error when `terminal`.

    `secrets` never appear in either: each is replaced wherever it stands in a line. Returns the file's path.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _SecretMask(secrets),
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
        old.close()
    root.setLevel(level)
    for name in WARNINGS_ONLY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    path = None
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "tenthman.log"
        to_file = RotatingFileHandler(path, maxBytes=MAX_FILE_BYTES, backupCount=KEPT_FILES, encoding="utf-8")
        to_file.setFormatter(_formatter(structlog.processors.JSONRenderer(sort_keys=True), shared))
        root.addHandler(to_file)
    if terminal:
        to_terminal = logging.StreamHandler(sys.stderr)
        to_terminal.setFormatter(_formatter(structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()), shared))
        root.addHandler(to_terminal)
    if not root.handlers:
        root.addHandler(logging.NullHandler())
    return path


def bind(**ids: str) -> AbstractContextManager[None]:
    """Put `ids` on every log line written inside the `with` block."""
    return structlog.contextvars.bound_contextvars(**ids)


def _formatter(renderer: Any, shared: list[Any]) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )


class _SecretMask:
    """A structlog processor that replaces each secret in every string of a line, nested values included."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = tuple(sorted((item for item in secrets if item), key=len, reverse=True))

    def __call__(self, _logger: object, _method: str, event: EventDict) -> EventDict:
        return {key: self._masked(value) for key, value in event.items()}

    def _masked(self, value: Any) -> Any:
        if isinstance(value, str):
            for secret in self._secrets:
                value = value.replace(secret, MASK)
            return value
        if isinstance(value, dict):
            return {key: self._masked(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._masked(item) for item in value]
        if self._secrets and not isinstance(value, bool | int | float | None):
            return self._masked(str(value))
        return value
