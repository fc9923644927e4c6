"""This machine in its network: the sockets it listens on, and the address others know it by."""

import os
import socket
from typing import Final

from core.errors import ServiceError
from gradio_app import discovery
from gradio_app.settings import EVERY_ADDRESS, ServerSettings, address_of, is_loopback

_PORTS_TRIED: Final = 20
_BACKLOG: Final = 128  # connections that wait to be accepted
#: Addresses of documentation (RFC 5737, RFC 3849): connecting a datagram socket to one sends
#: nothing, and tells from which of our addresses something would be sent.
_ELSEWHERE: Final = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))


def listen(host: str, port: int, *, try_next: bool) -> list[socket.socket]:
    """Listening sockets at `port`, or at the next free one where `try_next`.

    They listen at once, so that of two servers started together the second sees the first. Raises
    `ServiceError` where none is free.
    """
    ports = range(port, min(port + _PORTS_TRIED, 65536)) if try_next and port else (port,)
    reason = ""
    for candidate in ports:
        try:
            return _listen_at(_hosts(host), candidate)
        except OSError as error:
            reason = error.strerror or str(error)
    raise ServiceError(
        f"port {port} cannot be opened on {host} ({reason}){_holder_of_port(port)}",
        remedy=f"start with --port {_free_port(host, port)}",
    )


def lan_url(settings: ServerSettings) -> str:
    """The page's address as other machines of the network know it; '' where they know none."""
    if settings.public_url:
        return settings.url
    if settings.is_local:
        return ""
    if settings.host not in EVERY_ADDRESS:
        return settings.url
    host = _own_address(settings.host)
    return address_of(host, settings.port) if host else ""


def _own_address(listened_on: str) -> str:
    """An address of this machine by which others reach it; '' where it is in no network."""
    for family, elsewhere in _ELSEWHERE:
        if family == socket.AF_INET6 and listened_on != "::":
            continue
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((elsewhere, 9))
                return probe.getsockname()[0]
        except OSError:
            continue
    return ""


def _hosts(host: str) -> tuple[str, ...]:
    """What is listened on: GIMP, and whoever reads the state file, asks 127.0.0.1."""
    if is_loopback(host) and host.lower() not in ("127.0.0.1", "localhost"):
        return "127.0.0.1", host
    return (host,)


def _listen_at(hosts: tuple[str, ...], port: int) -> list[socket.socket]:
    """A listening socket at each of `hosts`, all at one port."""
    listeners: list[socket.socket] = []
    try:
        for host in hosts:
            listeners.append(_bound(host, listeners[0].getsockname()[1] if listeners else port))
            listeners[-1].listen(_BACKLOG)
    except OSError:
        for listener in listeners:
            listener.close()
        raise
    return listeners


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name != "nt":  # there it would let two servers share a port
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # "::" is every address, those of IPv4 too; systems differ in what they do untold.
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host != "::"))
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def _free_port(host: str, port: int) -> int:
    """The next port that could be had just now; any, where none near is free."""
    for candidate in (*range(port + 1, min(port + _PORTS_TRIED, 65536)), 0):
        try:
            with _bound(host, candidate) as probe:
                return probe.getsockname()[1]
        except OSError:
            continue
    return 0


def _holder_of_port(port: int) -> str:
    """Which photochrom server has the port; '' where it is another program."""
    state = discovery.read()
    token = state.token if state and state.port == port else ""
    health = discovery.health_of(port, token, patience=2.0) or discovery.health_of(
        port, patience=2.0
    )
    return f": photochrom {health['version']} answers there" if health else ""
