"""`Settings`: what a running server is told once, when it starts."""

import ipaddress
from dataclasses import dataclass
from typing import Final

from core.errors import OptionsError
from core.options import DEFAULT_MODEL

DEFAULT_PORT: Final = 7860
#: A token is guessed at, over a network or by other users of the machine: no shorter than this.
SHORTEST_TOKEN: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A server's settings. `workers` pictures are coloured at once, `queue` more may wait;
    `ask_token`: also on loopback, where other users of the machine could reach the server.
    `max_upload` in bytes, `max_pixels` a page, `idle_exit` in seconds (0 = never)."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    token: str = ""
    ask_token: bool = False
    model: str = DEFAULT_MODEL
    device: str = "auto"
    workers: int = 2
    queue: int = 32
    max_upload: int = 640 << 20
    max_pixels: int = 400_000_000
    idle_exit: float = 0.0

    def __post_init__(self) -> None:
        if self.needs_token and len(self.token) < SHORTEST_TOKEN:
            raise OptionsError(f"a token has at least {SHORTEST_TOKEN} characters")
        if not self.token.isascii() or not self.token.isprintable() or " " in self.token:
            raise OptionsError("a token is made of printable ASCII characters without spaces")

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the server."""
        return is_loopback(self.host)

    @property
    def needs_token(self) -> bool:
        """Whether every request must show the token."""
        return self.ask_token or not self.is_local

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the page."""
        if self.host in ("0.0.0.0", "::", ""):
            return f"http://127.0.0.1:{self.port}/"
        return (
            f"http://[{self.host}]:{self.port}/"
            if ":" in self.host
            else (f"http://{self.host}:{self.port}/")
        )


def is_loopback(host: str) -> bool:
    """Whether `host`, a name or an address without a port, is this machine's own loopback."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
