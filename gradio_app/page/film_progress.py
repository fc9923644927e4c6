"""How far a film on the page is."""

import time
from dataclasses import dataclass, field


@dataclass
class FilmProgress:
    """How far a film is. `pair`: addresses of the latest frame before and after."""

    name: str
    frames: int = 0
    done: int = 0
    pair: tuple[str, str] = ("", "")
    notes: tuple[str, ...] = ()
    address: str = ""
    is_playable: bool = False
    start: float = field(default_factory=time.monotonic)

    @property
    def rate(self) -> float:
        """Frames a second so far."""
        return self.done / max(time.monotonic() - self.start, 1e-3)
