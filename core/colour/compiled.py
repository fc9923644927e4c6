"""How kernels are compiled: numba's options for all of them, and where the machine code is kept.

Only `compiled` is called from outside, by `kernels`. Stands on numba.
"""

from collections.abc import Callable
from typing import Any, Final

import numba

#: Reordering of sums, fused multiply-add and approximate division are welcome: the result is
#: rounded to 8 or 16 bits. `nogil`: strips of several pictures may be coloured at once.
_OPTIONS: Final = {"fastmath": True, "error_model": "numpy", "nogil": True}


def compiled(function: Callable[..., Any]) -> Any:
    """The function, compiled at its first call and kept for the next process.

    The machine code is kept beside the source, or, where that folder cannot be written, in the
    user's cache folder (numba looks for both, and for NUMBA_CACHE_DIR before them). Where neither
    can be written it is compiled anew in each process.
    """
    try:
        return numba.njit(function, cache=True, **_OPTIONS)
    except RuntimeError:  # numba's "no locator available": no folder for the cache can be written
        return numba.njit(function, **_OPTIONS)
