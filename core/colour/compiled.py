"""Options of numba for all kernels, and the folder in which their machine code is cached.

`compiled` is for a kernel that Python calls, `part` for what kernels are made of.
"""

from collections.abc import Callable
from typing import Any, Final

import numba

#: Reordering of sums, fused multiply-add and approximate division are welcome: the result is
#: rounded to 8 or 16 bits. `nogil`: strips of several pictures may be coloured at once.
_OPTIONS: Final[dict[str, Any]] = {"fastmath": True, "error_model": "numpy", "nogil": True}


def compiled(function: Callable[..., Any]) -> Any:
    """A kernel, compiled at its first call and kept for the next process.

    The machine code is kept beside the source, or, where that folder cannot be written, in the
    user's cache folder (numba looks for both, and for NUMBA_CACHE_DIR before them). Where neither
    can be written it is compiled anew in each process. Numba sees that a kernel's own file has
    changed, but not the files of parts from elsewhere: keep a kernel's parts in its file.
    """
    try:
        return numba.njit(function, cache=True, **_OPTIONS)
    except RuntimeError:  # numba's "no locator available": no folder for the cache can be written
        return numba.njit(function, **_OPTIONS)


def part(function: Callable[..., Any]) -> Any:
    """A function that only kernels call; it becomes part of their machine code.

    Without an entrance from Python and a place in the cache of its own: the first compilation of
    all kernels takes 5.2 instead of 7.2 s of CPU, and 0.5 instead of 1.8 MB.
    """
    without = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return numba.njit(**without, **_OPTIONS)(function)
