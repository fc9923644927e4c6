"""Damage for the tests, always the same for the same seed, and what we say about it."""

import random

from core.errors import SourceError
from core.image.read import open_source

KINDS = ("lost", "added", "flipped", "zeroed", "noise", "swapped")
SIZES = (1, 2, 3, 8, 40, 300, 1500, 4096)


def damaged(data: bytes, start: int, chance: random.Random, kind: str) -> bytes:
    """`data` with one damage at or behind `start`."""
    changed = bytearray(data)
    at = chance.randrange(start, len(data))
    size = min(chance.choice(SIZES), len(data) - at)
    if kind == "lost":
        del changed[at : at + size]
    elif kind == "added":
        changed[at:at] = chance.randbytes(size)
    elif kind == "flipped":
        changed[at] ^= 1 << chance.randrange(8)
    elif kind == "zeroed":
        changed[at : at + size] = bytes(size)
    elif kind == "noise":
        changed[at : at + size] = chance.randbytes(size)
    else:
        other = chance.randrange(start, len(data) - size + 1)
        piece = bytes(changed[other : other + size])
        changed[other : other + size] = data[at : at + size]
        changed[at : at + size] = piece
    return bytes(changed)


def complaint_of_ours(data: bytes) -> str:
    """The refusal of a whole job, or nothing."""
    try:
        with open_source(data) as source:
            for page in source.pages:
                page.thumbnail(32, 32)
                for _ in page.strips():
                    pass
    except SourceError as error:
        assert error.kind in ("truncated", "unsupported"), error
        return str(error)
    return ""
