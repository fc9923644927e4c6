"""The process that fuzzed files are decoded in: native code may crash, and must not take the test
with it. Reads (length, bytes) from its input and answers each with one line: how it ended."""

import resource
import struct
import sys
import traceback

from core.errors import PhotochromError
from core.image.read import open_source
from core.image.write import encode
from tests.image.pictures import PROVENANCE, painted

#: Far above what the largest allowed picture needs (4 million pixels).
MEMORY_BYTES = 6 << 30
MAX_PIXELS = 4_000_000


def ending(data: bytes) -> str:
    """'done', or 'refused: KIND', or 'defect: ...' for what no user should ever see."""
    try:
        with open_source(data, max_pixels=MAX_PIXELS) as source:
            for page in source.pages:
                page.thumbnail(min(page.width, 32), min(page.height, 32))
            encode(source, painted(source), provenance=PROVENANCE)
        return "done"
    except PhotochromError as error:
        if "\n" in str(error) or error.kind in ("internal", "out-of-memory"):
            return f"defect: {error.kind}: {error}".replace("\n", " ")
        return f"refused: {error.kind}"
    except Exception:
        return "defect: " + traceback.format_exc().replace("\n", " | ")


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while head := sys.stdin.buffer.read(8):
        data = sys.stdin.buffer.read(struct.unpack("<Q", head)[0])
        print(ending(data), flush=True)


if __name__ == "__main__":
    main()
