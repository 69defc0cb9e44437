"""Text that people wrote as YAML."""

import yaml


def parse_yaml(text: str) -> object:
    """What `text` holds.

    ValueError, saying in one line what is wrong, for what is not YAML, for a value that looks like a date or a number
    and is none, and for what is nested too deep.
    """
    try:
        return yaml.safe_load(text)
    except RecursionError:
        raise ValueError("is nested too deep") from None
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(f"is not valid YAML: {' '.join(str(error).split())}") from None
