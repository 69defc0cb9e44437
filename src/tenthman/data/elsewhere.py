"""Asking another server what Alpaca and Yahoo are asked: a served exchange, which speaks the wires of both."""

from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter

from tenthman.domain.errors import ConfigError
from tenthman.utils.deadlines import LOOPBACK

_SCHEMES = ("http://", "https://")


def address_of(option: str, text: str) -> str:
    """`text` as scheme, host and port. ConfigError unless it is that alone, and http on loopback only."""
    try:
        parts = urlsplit(text)
        is_whole = bool(parts.hostname) and parts.path in ("", "/") and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        is_whole = False
    if not is_whole or parts.query or parts.fragment or not text.isascii() or not text.isprintable():
        raise ConfigError(f"`{option}` must be scheme, host and port such as http://127.0.0.1:8765, was {text!r}")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise ConfigError(f"`{option}` must begin with https://, or with http:// on loopback, was {text!r}")
    return urlunsplit((parts.scheme, parts.netloc, "", "", ""))


def name_there(address: str, name: str) -> str:
    """What bars call the source `name` that was asked at `address`: its bars are its own, and no real ones."""
    return f"{address} as {name}"


def is_elsewhere(source: str) -> bool:
    """Whether bars of `source` came from another server."""
    return source.startswith(_SCHEMES)


def session_to(address: str) -> requests.Session:
    """A session every request of which goes to `address`, whatever host it names."""
    session = requests.Session()
    session.trust_env = False
    for scheme in _SCHEMES:
        session.mount(scheme, _Redirected(address))
    return session


class _Redirected(HTTPAdapter):
    def __init__(self, address: str) -> None:
        super().__init__()
        self._there = urlsplit(address)

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        asked = urlsplit(request.url or "")
        request.url = urlunsplit((self._there.scheme, self._there.netloc, asked.path, asked.query, ""))
        return super().send(request, *arguments, **options)
