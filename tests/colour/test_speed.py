"""The fused pass stays vectorised: small edits make LLVM fall back to one pixel at a time.

Held against copying the same bytes in the same minute, so that a slow or busy machine does not
fail it. To see the guard bite: NUMBA_LOOP_VECTORIZE=0 NUMBA_SLP_VECTORIZE=0, with an empty folder
as NUMBA_CACHE_DIR.
"""

import numpy as np
import pytest

from tests import bench_kernels as bench

WIDTH, HEIGHT = 2048, 512

# Times the cost of numpy copying source and result, at most. Measured on a Zen 4, for grey, neutral
# and colour: 32, 21, 27 with AVX-512; 42, 22, 25 with AVX2; 224, 72, 126 without vectors.
LIMITS = {"grey": 90, "neutral": 55, "colour": 70}


@pytest.mark.parametrize("kind", LIMITS)
def test_the_fused_pass_costs_no_more_than_a_vectorised_one(kind):
    grey = bench.picture(WIDTH, HEIGHT, grainy=True)
    samples = grey if kind == "grey" else np.repeat(grey[..., None], 3, axis=-1)
    if kind == "colour":
        samples = samples // np.array([1, 1, 2], np.uint8)
    prepared = bench.field(WIDTH, HEIGHT, 12.0)
    ratios = []
    for _ in range(5):
        copy = bench.copying(samples, np.uint8)
        ratios.append(bench.measure(samples, prepared, np.uint8) / copy)
    assert min(ratios) <= LIMITS[kind]
