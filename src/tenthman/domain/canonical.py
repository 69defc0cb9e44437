"""One way to write a value down, so that equal values hash equal on every machine."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum


def plain(value: object) -> object:
    """`value` as JSON types: dataclasses to objects, enums to values, decimals and dates to strings.

    Raises TypeError for anything else that JSON does not know; NaN and infinity raise ValueError in `canonical_json`.
    """
    match value:
        case Enum():
            return plain(value.value)
        case None | bool() | int() | float() | str():
            return value
        case Decimal():
            return format(value, "f")
        case datetime():
            return value.isoformat()
        case date():
            return value.isoformat()
        case Mapping():
            return {str(plain(key)): plain(item) for key, item in value.items()}
        case Sequence() if not isinstance(value, bytes | bytearray):
            return [plain(item) for item in value]
        case set() | frozenset():
            return sorted((plain(item) for item in value), key=str)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"kind": type(value).__name__, **fields}
    raise TypeError(f"`value` of type {type(value).__name__} has no canonical form")


def canonical_json(value: object) -> str:
    """Compact JSON with sorted keys; ValueError for NaN or infinity."""
    return json.dumps(plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def content_hash(value: object) -> str:
    """SHA-256 of `canonical_json(value)`, 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
