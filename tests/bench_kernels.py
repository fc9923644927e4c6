"""What the fused pass costs: run `python tests/bench_kernels.py` by hand, on a quiet machine.

Prints CPU nanoseconds a pixel, and the ratio to copying the same bytes in memory, for every kind
of source on a smooth and on a grainy dark picture of 24 megapixels, strip by strip as a job does.
`measure` and `copying` are also what `tests/colour/test_speed.py` guards.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.colour import gamut, kernels
from core.colour.field import ChromaField, PreparedField, chroma_at, prepare

STRIP = 128  # rows


def cpu_seconds(work: Callable[[], object], repeats: int) -> float:
    """The least CPU time of this process that `work` took in some repeats."""
    least = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        work()
        least = min(least, time.process_time() - start)
    return least


def picture(width: int, height: int, grainy: bool) -> NDArray[np.uint8]:
    """Soft waves over most of the range, or the same dark and with strong grain."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    waves = 0.5 + 0.2 * np.sin(x / 173 + y / 431) + 0.2 * np.cos(y / 97 - x / 613)
    if grainy:
        noise = np.random.default_rng(1).normal(0, 0.03, waves.shape)
        waves = waves * 0.45 + noise
    return (np.clip(waves, 0, 1) * 255).astype(np.uint8)


def field(width: int, height: int, deviation: float) -> PreparedField:
    """Smooth random chroma, somewhat warm, on a grid such as a network answers with."""
    grid = np.random.default_rng(2).normal(0, 1, (2, 64, 96)).astype(np.float32)
    for _ in range(40):
        for axis in (1, 2):
            grid = (np.roll(grid, 1, axis) + 2 * grid + np.roll(grid, -1, axis)) / 4
    grid *= deviation / grid.std()
    grid[1] += deviation / 2
    return prepare(ChromaField(grid, (64, 96), width, height))


def measure(samples: NDArray, prepared: PreparedField, depth: type, repeats: int = 3) -> float:
    """CPU nanoseconds a pixel of colouring `samples` in strips."""
    rows, width = samples.shape[:2]
    out = np.zeros((STRIP, width, 3), depth)

    def colour() -> None:
        for top in range(0, rows, STRIP):
            strip = samples[top : top + STRIP]
            kernels.colour_strip(strip, top, prepared, out[: len(strip)])

    colour()
    return cpu_seconds(colour, repeats) / (rows * width) * 1e9


def copying(samples: NDArray, depth: type, repeats: int = 3) -> float:
    """CPU nanoseconds a pixel of reading `samples` and writing RGB of `depth`, as plain copies."""
    rows, width = samples.shape[:2]
    strip = np.zeros((STRIP, *samples.shape[1:]), samples.dtype)
    coloured, out = (np.zeros((STRIP, width, 3), depth) for _ in range(2))

    def copy() -> None:
        for top in range(0, rows, STRIP):
            count = min(STRIP, rows - top)
            strip[:count] = samples[top : top + count]
            out[:count] = coloured[:count]

    copy()
    return cpu_seconds(copy, repeats) / (rows * width) * 1e9


def main() -> None:
    width, height = 6000, 4000
    prepared = field(width, height, 12.0)
    start = time.perf_counter()
    kernels.warm()
    print(f"warm: {time.perf_counter() - start:.1f} s")
    for grainy in (False, True):
        grey = picture(width, height, grainy)
        light = kernels.lightness_of(np.ascontiguousarray(grey[::97]))
        asked = np.concatenate([light[..., None], chroma_at(prepared, 0, height)[::97]], axis=-1)
        outside = 1 - gamut.inside(asked).mean()
        print(f"{'grainy, dark' if grainy else 'smooth'}: {outside:.0%} of pixels outside sRGB")
        neutral = np.repeat(grey[..., None], 3, axis=-1)
        tinted = neutral // np.array([1, 1, 2], np.uint8)
        cases = {
            "grey 8 -> 8": (grey, np.uint8),
            "grey 16 -> 16": (grey * np.uint16(257), np.uint16),
            "grey 16 -> 8": (grey * np.uint16(257), np.uint8),
            "neutral RGB 8 -> 8": (neutral, np.uint8),
            "RGB 8 -> 8": (tinted, np.uint8),
            "RGB 16 -> 16": (tinted * np.uint16(257), np.uint16),
        }
        for name, (samples, depth) in cases.items():
            cost, copy = measure(samples, prepared, depth), copying(samples, depth)
            print(f"  {name:20} {cost:6.2f} ns/px {cost / copy:6.1f} x a copy")


if __name__ == "__main__":
    main()
