"""The one door to libvips: imported with the first picture, set up once a process.

One thread, no operation cache, untrusted loaders blocked, warnings kept off the terminal. Every
load goes through `load`, which asks for `fail_on="error"`: libvips' default turns damaged files
into partly black pictures without a word. Stands on `origin.py` and pyvips.
"""

import os
from functools import cache
from typing import Any

from core.errors import SourceError
from core.image.faults import damaged, unsupported
from core.image.origin import Origin


@cache
def library() -> Any:
    """The module pyvips, imported and set up on the first call (15-30 ms).

    It must not be called before a fork: libvips has threads. Typed Any since libvips' operations
    are looked up at run time.
    """
    os.environ.setdefault("VIPS_WARNING", "0")  # any value silences g_warning
    import pyvips

    pyvips.voperation.concurrency_set(1)  # one thread a worker, many workers
    pyvips.cache_set_max(0)  # no picture's pixels are asked for twice
    pyvips.block_untrusted_set(True)
    return pyvips


def load(loader: str, origin: Origin, **options: Any) -> Any:
    """Opens a picture lazily with `loader` ('jpegload'); raises `SourceError`."""
    vips = library()
    data = origin.for_decoder()
    try:
        if isinstance(data, bytes):
            return getattr(vips.Image, loader + "_buffer")(data, fail_on="error", **options)
        # Not by name: libvips takes "[...]" in a name for options, and names must be UTF-8.
        try:
            where = vips.Source.new_from_descriptor(data)  # makes its own duplicate
        finally:
            os.close(data)
        return getattr(vips.Image, loader + "_source")(where, fail_on="error", **options)
    except vips.Error as error:
        raise explain(error, origin.name) from error


def explain(error: Exception, file: object) -> SourceError:
    """The `SourceError` that stands for a pyvips.Error met while `file` was read."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # The first line is pyvips' own ("unable to call ..."), the last says what really happened.
    reason = lines[-1] if lines else "no reason given"
    if any(
        word in reason.lower() for word in ("out of memory", "unable to allocate", "cannot alloc")
    ):
        return SourceError(
            f"not enough memory to read it ({reason})",
            file=file,
            kind="out-of-memory",
            remedy="run fewer jobs at once",
        )
    if any(word in reason.lower() for word in ("not supported", "unsupported", "not configured")):
        return unsupported(f"it uses a feature ({reason})", file)
    return damaged(reason, file)
