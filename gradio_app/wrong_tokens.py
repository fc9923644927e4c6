"""Limits wrong tokens: a client has ten tries, and then waits ever longer."""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

#: So many wrong tokens cost nothing; each further one doubles the wait for the next, from 1 s on.
FREE: Final = 10
LONGEST_WAIT_S: Final = 60.0
#: A client is forgotten this long after its last wrong token.
FORGOTTEN_S: Final = 3600.0
_MOST_CLIENTS: Final = 4096


@dataclass(slots=True)
class _Client:
    wrong: int
    last: float


class WrongTokens:
    """The wrong tokens of each client, by its address. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._clients: OrderedDict[str, _Client] = OrderedDict()

    def wait(self, address: str) -> float:
        """Seconds until that client may try again; 0 where it may now."""
        client = self._clients.get(_network(address))
        if client is None or client.wrong < FREE:
            return 0.0
        pause = min(LONGEST_WAIT_S, 2.0 ** min(client.wrong - FREE, 16))
        return max(0.0, client.last + pause - self._clock())

    def add(self, address: str) -> None:
        """Notes that a client's token was wrong."""
        now = self._clock()
        while self._clients:
            oldest = next(iter(self._clients.values()))
            if now - oldest.last < FORGOTTEN_S and len(self._clients) < _MOST_CLIENTS:
                break
            self._clients.popitem(last=False)
        client = self._clients.setdefault(_network(address), _Client(0, now))
        client.wrong, client.last = client.wrong + 1, now
        self._clients.move_to_end(_network(address))


def _network(address: str) -> str:
    """What counts as one client: an IPv4 address, or an IPv6 network, of which each host has one
    with more addresses than anybody could count."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))
    return address
