"""The one door to libvips: imported with the first picture, set up once a process.

One thread, no operation cache, untrusted loaders blocked, warnings kept off the terminal. Every
load goes through `load` and is strict: libvips' default turns damaged files into partly black
pictures without a word, and `fail_on="error"` still does so with broken tiles of a TIFF. What even
"warning" lets pass is looked for in `formats/tiff/segment_damage.py`; JPEG has a decoder of its own
(`formats/jpeg/decoder.py`).
"""

import logging
import os
import re
from functools import cache
from typing import Any, Final

from core.errors import SourceError
from core.image.faults import damaged, unsupported
from core.image.origin import Origin

_NO_MEMORY: Final = re.compile("out of memory|unable to allocate|cannot allocate", re.IGNORECASE)
#: What libvips says where a decoder warned and gave no reason.
_SAYS_NOTHING: Final = ("unable to write to memory", "unable to fetch from region")
#: An "unsupported marker" is what damage looks like: no encoder writes one.
_NO_CODEC: Final = re.compile("not supported|unsupported(?! marker)|not configured", re.IGNORECASE)


@cache
def library() -> Any:
    """The module pyvips, imported and set up on the first call (15-30 ms).

    It must not be called before a fork: libvips has threads. Typed Any since libvips' operations
    are looked up at run time.
    """
    import pyvips

    # It logs each of libvips' warnings, which without a handler go to the terminal.
    logging.getLogger("pyvips").setLevel(logging.ERROR)
    pyvips.voperation.concurrency_set(1)  # one thread a worker, many workers
    pyvips.cache_set_max(0)  # no picture's pixels are asked for twice
    pyvips.block_untrusted_set(True)
    return pyvips


def load(loader: str, origin: Origin, fail_on: str = "warning", **options: Any) -> Any:
    """Opens a picture lazily with `loader` ('pngload'); raises `SourceError`.

    `fail_on` is "warning" where pixels are read; "error" will do for a header, and where every
    warning has been looked at already.
    """
    vips = library()
    data = origin.for_decoder()
    try:
        if isinstance(data, bytes):
            return getattr(vips.Image, loader + "_buffer")(data, fail_on=fail_on, **options)
        # Not by name: libvips takes "[...]" in a name for options, and names must be UTF-8.
        try:
            where = vips.Source.new_from_descriptor(data)  # makes its own duplicate
        finally:
            os.close(data)
        return getattr(vips.Image, loader + "_source")(where, fail_on=fail_on, **options)
    except vips.Error as error:
        raise explain(error, origin.name) from error


def reasons_of(error: Exception) -> list[str]:
    """The lines of a pyvips.Error, the last one the nearest to what really happened."""
    # The first line is pyvips' own ("unable to call ...").
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    lines = [line for line in lines[1:] or lines if line not in _SAYS_NOTHING]
    return lines or ["its decoder warns of damage"]


def explain(error: Exception, file: object) -> SourceError:
    """The `SourceError` that stands for a pyvips.Error met while `file` was read."""
    return fault(reasons_of(error)[-1], file)


def fault(reason: str, file: object) -> SourceError:
    """The `SourceError` that stands for what a decoder said about `file`."""
    if _NO_MEMORY.search(reason):
        return SourceError(
            f"not enough memory to read it ({reason})",
            file=file,
            kind="out-of-memory",
            remedy="run fewer jobs at once",
        )
    if _NO_CODEC.search(reason):
        return unsupported(f"it uses a feature ({reason})", file)
    return damaged(reason, file)
