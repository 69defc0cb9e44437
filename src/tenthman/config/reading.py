"""One YAML file becomes one section, or a ConfigError that names file, key, value and bound."""

from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from tenthman.config.fields import Section
from tenthman.domain.errors import ConfigError
from tenthman.utils.yaml_text import parse_yaml

MEND = "; copy it from the project's config folder"

SectionT = TypeVar("SectionT", bound=Section)


def read_section(path: Path, section: type[SectionT]) -> SectionT:
    """The section in the file `path`. ConfigError naming file, key, value and bound."""
    try:
        return section.model_validate(read_mapping(path, MEND), context={"folder": path.parent})
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(path, error))) from None


def read_mapping(path: Path, mend: str = "") -> dict[Any, Any]:
    """The keys and values at the top of the YAML file `path`. ConfigError naming it where it holds none.

    `mend` ends the sentence that the file is missing.
    """
    try:
        raw = parse_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: the file is missing{mend}") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: must hold keys and values at the top, held {type(raw).__name__}")
    return raw


def _explain(path: Path, error: ValidationError) -> list[str]:
    lines = []
    for item in error.errors(include_url=False):
        key = ".".join(str(part) for part in item["loc"]) or "(whole file)"
        if item["type"] == "extra_forbidden":
            lines.append(f"{path}: `{key}` is not a known key")
        elif item["type"] == "missing":
            lines.append(f"{path}: `{key}` is missing")
        elif isinstance(item["input"], dict):
            lines.append(f"{path}: `{key}`: {item['msg']}")
        else:
            lines.append(f"{path}: `{key}`: {item['msg']}, was {item['input']!r}")
    return lines
