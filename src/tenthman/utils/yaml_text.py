"""Text that people wrote as YAML."""

import math
from collections.abc import Hashable
from typing import Any

import yaml

MERGE = "tag:yaml.org,2002:merge"
MOST_NODES = 100_000
"""No file that a person writes holds more; a few lines of aliases of aliases hold billions."""


class _OnceEach(yaml.SafeLoader):
    """Of a key that stands twice in a mapping, YAML's own loader takes the last; half a character it takes for text."""

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
        """As SafeLoader; ValueError for text that nothing could write again."""
        text = super().construct_scalar(node)
        str(text).encode("utf-8")
        return text

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """As SafeLoader; ConstructorError for a key that was there before."""
        seen: set[Hashable] = set()
        for name, _ in node.value:
            key = None if name.tag == MERGE else self.construct_object(name, deep=True)
            if name.tag == MERGE or not isinstance(key, Hashable):
                continue
            if key in seen:
                raise yaml.constructor.ConstructorError(problem=f"{key!r} stands twice", problem_mark=name.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def parse_yaml(text: str) -> object:
    """What `text` holds.

    ValueError, saying in one line what is wrong, for what is not YAML, for a value that looks like a date or a number
    and is none, for a key that a mapping has twice, for what is nested too deep, and for more than MOST_NODES values
    and keys, each alias counted as what it stands for.
    """
    loader: _OnceEach | None = None
    try:
        loader = _OnceEach(text)
        node = loader.get_single_node()
        _require_bounded(node)
        return None if node is None else loader.construct_document(node)
    except RecursionError:
        raise ValueError("is nested too deep") from None
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(f"is not valid YAML: {' '.join(str(error).split())}") from None
    finally:
        if loader is not None:
            loader.dispose()


def _require_bounded(node: yaml.Node | None) -> None:
    if node is not None and _written_out(node, {}) > MOST_NODES:
        raise ValueError(f"must hold at most {MOST_NODES:,} values and keys, aliases written out")


def _written_out(node: yaml.Node, known: dict[int, float]) -> float:
    """How many nodes `node` comes to with its aliases written out; infinity where it holds itself, or as good as."""
    if id(node) not in known:
        known[id(node)] = math.inf
        pairs = isinstance(node, yaml.MappingNode)
        inner = [part for pair in node.value for part in pair] if pairs else node.value
        held = inner if isinstance(node, yaml.CollectionNode) else ()
        known[id(node)] = 1.0 + sum(_written_out(part, known) for part in held)
    return known[id(node)]
