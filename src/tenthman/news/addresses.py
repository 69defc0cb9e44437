"""Where a host lives, and whether that is the internet at large or the desk's own network."""

import ipaddress
import socket
from collections.abc import Callable, Sequence

Resolver = Callable[[str], Sequence[str]]


def resolve(host: str) -> tuple[str, ...]:
    """The addresses of `host` by the system's resolver; OSError when there are none, ValueError for what is no name."""
    found = socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


# The only IPv6 range given out to networks, and what of it carries an IPv4 address (Teredo, 6to4), which could be a
# private one, or belongs to nobody. Other forms that carry one (mapped, translated, compatible) lie outside it.
_GIVEN_OUT = ipaddress.IPv6Network("2000::/3")
_NOT_THOSE = tuple(map(ipaddress.ip_network, ("2001::/23", "2002::/16", "3fff::/20", "192.0.0.0/24", "192.88.99.0/24")))


def is_public(address: str) -> bool:
    """Whether `address`, an IPv4 or IPv6 address in its usual spelling, is one of the internet at large."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and (parsed.scope_id is not None or parsed not in _GIVEN_OUT):
        return False
    return parsed.is_global and not parsed.is_multicast and not any(parsed in network for network in _NOT_THOSE)
