"""The fused pass stays vectorised: small edits make LLVM fall back to one pixel at a time.

Measured against arithmetic of a known kind in the same minute, so that a slow or busy machine
does not fail it; scalar code is four to eight times slower than what is here.
"""

import numpy as np
import pytest

from tests import bench_kernels as bench

WIDTH, HEIGHT = 2048, 512

# ns a pixel over ns a pixel of numpy copying source and result; at most. Vectorised with AVX-512
# they stand at 12 to 25, with AVX2 at about twice that, written without vectors at 100 and more.
LIMITS = {"grey": 70, "neutral": 60, "colour": 90}


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
