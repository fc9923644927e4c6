"""The loops of motion and propagation over the pixels of a guide, compiled.

In a file of its own, since numba's cache notices changes in a kernel's own file alone. Importing
this module imports numba.
"""

import numpy as np

from core.colour.compiled import compiled, part

_F = np.float32
#: The logarithm of no trust.
_NONE = _F(-80.0)


@part
def _place(at, count):
    """The pixel before `at` on a line of `count`, and the share of the next one; ends go on."""
    at = min(max(at, _F(0.0)), _F(count - 1))
    first = min(int(at), max(count - 2, 0))
    return first, at - _F(first)


@compiled
def log_trust(flow, answer, detail, other, slack, share, grain, out, moved):
    """Writes the logarithm of the trust in `flow` (h, w, 2) to `out`, and `other` (h, w), taken
    where `flow` points, to `moved`.

    `answer` is the flow of the other frame; `detail` of this frame and `other` of that one should
    be alike. Two flows may miss each other by the root of `slack` + `share` times the square of the
    flow; `grain` weighs the square of what detail differs.
    """
    height, width = detail.shape
    right, below = min(1, width - 1), min(1, height - 1)
    for y in range(height):
        for x in range(width):
            dx, dy = flow[y, x, 0], flow[y, x, 1]
            to_x, to_y = _F(x) + dx, _F(y) + dy
            j, s = _place(to_x, width)
            i, t = _place(to_y, height)
            a, b = (_F(1) - s) * (_F(1) - t), s * (_F(1) - t)
            c, d = (_F(1) - s) * t, s * t
            k, m = j + right, i + below
            seen = other[i, j] * a + other[i, k] * b + other[m, j] * c + other[m, k] * d
            mx, my = dx, dy
            mx += answer[i, j, 0] * a + answer[i, k, 0] * b
            mx += answer[m, j, 0] * c + answer[m, k, 0] * d
            my += answer[i, j, 1] * a + answer[i, k, 1] * b
            my += answer[m, j, 1] * c + answer[m, k, 1] * d
            moved[y, x] = seen
            differs = detail[y, x] - seen
            allowed = slack + share * (dx * dx + dy * dy)
            found = -(mx * mx + my * my) / allowed - grain * differs * differs
            is_inside = to_x >= -1 and to_x <= width and to_y >= -1 and to_y <= height
            out[y, x] = max(found, _NONE) if is_inside else _NONE
