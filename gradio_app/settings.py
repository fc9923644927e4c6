"""`ServerSettings`: what a running server is told once, when it starts."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from core.errors import OptionsError
from core.options import DEFAULT_MODEL

DEFAULT_PORT: Final = 7860
#: A token is guessed at, over a network or by other users of the machine: no shorter than this.
SHORTEST_TOKEN: Final = 12
#: What one listens on to be reached under every address that the machine has.
EVERY_ADDRESS: Final = ("0.0.0.0", "::")
_PATH: Final = re.compile(r"(/[A-Za-z0-9._~-]+)*/?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """A server's settings. `workers` pictures are coloured at once, `queue` more may wait;
    `ask_token`: also on loopback, where other users of the machine could reach the server.
    `public_url` is where a proxy serves it ('' = there is none); `max_upload` in bytes,
    `max_pixels` a page, `idle_exit` in seconds (0 = never);
    `show_code`: print a QR code by which another device gets in."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    public_url: str = ""
    token: str = ""
    ask_token: bool = False
    model: str = DEFAULT_MODEL
    device: str = "auto"
    workers: int = 2
    queue: int = 32
    max_upload: int = 640 << 20
    max_pixels: int = 400_000_000
    idle_exit: float = 0.0
    show_code: bool = False

    def __post_init__(self) -> None:
        if self.needs_token and len(self.token) < SHORTEST_TOKEN:
            raise OptionsError(f"a token has at least {SHORTEST_TOKEN} characters")
        if not self.token.isascii() or not self.token.isprintable() or " " in self.token:
            raise OptionsError("a token is made of printable ASCII characters without spaces")
        if self.public_url and not _is_public_url(self.public_url):
            raise OptionsError(
                f"{self.public_url[:80]!r} is no address of a server",
                remedy="give one like https://photos.example/photochrom",
            )

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the server."""
        return is_loopback(self.host)

    @property
    def needs_token(self) -> bool:
        """Whether every request must show the token."""
        return self.ask_token or not self.is_local or bool(self.public_url)

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the page; ends with a slash."""
        if self.public_url:
            return f"{self.public_url.rstrip('/')}/"
        everywhere = self.host in (*EVERY_ADDRESS, "")
        return address_of("127.0.0.1" if everywhere else self.host, self.port)

    @property
    def public(self) -> SplitResult:
        """The parts of `public_url`."""
        return urlsplit(self.public_url)

    @property
    def root_path(self) -> str:
        """The folder in which a proxy serves the page: '' or '/like/this'."""
        return self.public.path.rstrip("/")


def address_of(host: str, port: int) -> str:
    """`http://HOST:PORT/`, an IPv6 address in brackets."""
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _is_public_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises where it is no number
    except ValueError:
        return False
    return bool(
        parts.scheme in ("http", "https")
        and parts.hostname
        and not (parts.query or parts.fragment or parts.username is not None)
        and _PATH.fullmatch(parts.path)
    )


def is_loopback(host: str) -> bool:
    """Whether `host`, a name or an address without a port, is this machine's own loopback."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
