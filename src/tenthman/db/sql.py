"""Named SQL: queries live in .sql files beside the room that owns the tables."""

import re
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import LiteralString

_HEADING = re.compile(r"^-- name: ([a-z][a-z0-9_]*)[ \t]*$", re.MULTILINE)


def load_queries(package: str, name: str) -> Mapping[str, LiteralString]:
    """The queries of `name` in `package`, by the names in their `-- name: x` headings.

    Raises ValueError for a file without headings, an empty query, or a name used twice.
    """
    text = (files(package) / name).read_text(encoding="utf-8")
    headings = list(_HEADING.finditer(text))
    if not headings:
        raise ValueError(f"{package}/{name}: must have at least one `-- name: x` heading")
    queries: dict[str, LiteralString] = {}
    ends = [*(heading.start() for heading in headings[1:]), len(text)]
    for heading, end in zip(headings, ends, strict=True):
        title, body = heading.group(1), text[heading.end() : end].strip().removesuffix(";")
        if not body or title in queries:
            raise ValueError(f"{package}/{name}: query `{title}` must have a text and be named once")
        # The files ship with the package: as trustworthy as a literal in the code.
        queries[title] = body
    return MappingProxyType(queries)
