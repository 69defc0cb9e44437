"""Where a host lives: looked up within a bound of time, and told apart from what lives on the desk's own network."""

import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Sequence

Resolver = Callable[[str], Sequence[str]]


def resolve(host: str) -> tuple[str, ...]:
    """The addresses of `host` by the system's resolver; OSError when there are none."""
    found = socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def within(call: Callable[[], Sequence[str]], deadline: float) -> Sequence[str]:
    """What `call` returns or raises; TimeoutError when it is not done by `deadline` (the system offers no time-out)."""
    done: list[Sequence[str]] = []
    failed: list[OSError | ValueError] = []

    def run() -> None:
        try:
            done.append(call())
        except (OSError, ValueError) as error:  # the second where a label of the name is too long
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(max(0.0, deadline - time.monotonic()))
    if failed:
        raise failed[0]
    if not done:
        raise TimeoutError("the look-up took too long")
    return done[0]


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
