"""Manifests: what a model was made of and how it did, sealed by a hash of themselves, kept to the byte."""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from tenthman.domain.canonical import canonical_json, content_hash
from tenthman.domain.errors import DataCorrupt

SEAL = "sha256"
"""The key that holds the SHA-256 of everything else in the manifest."""

Manifest = Mapping[str, Any]


def sealed(fields: Mapping[str, object]) -> str:
    """`fields` as canonical JSON with their own hash among them. ValueError when they hold one already, or NaN."""
    if SEAL in fields:
        raise ValueError(f"`fields` must not hold {SEAL!r}")
    # A round trip first: what is hashed is what a reader of the text gets.
    plain = json.loads(canonical_json(fields))
    return canonical_json({**plain, SEAL: content_hash(plain)})


def unsealed(text: str, version: str, place: str) -> Manifest:
    """The manifest in `text`, which is that of `version`. DataCorrupt, naming `place`, when a byte was altered."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise DataCorrupt(f"model {version}: the manifest {place} is not JSON: {error}") from None
    if not isinstance(found, dict) or SEAL not in found:
        raise DataCorrupt(f"model {version}: the manifest {place} carries no {SEAL}: train the model anew")
    stated = found.pop(SEAL)
    digest = content_hash(found)
    if digest != stated or canonical_json({**found, SEAL: stated}) != text:
        raise DataCorrupt(f"model {version}: the manifest {place} was altered: {SEAL} must be {stated}, was {digest}")
    if found.get("version") != version:
        raise DataCorrupt(f"model {version}: the manifest {place} is of model {found.get('version')}")
    return found


def expired(manifest: Manifest, session: date) -> bool:
    """Whether the model is past its expiry in `session`: it may then propose no entries."""
    return session > date.fromisoformat(manifest["expires"])
