"""The a* b* bins of the classifiers: cells of size 10 that 8-bit sRGB reaches, and their look-up.

Zhang, Isola, Efros 2016 count 313 with a looser rule; here a cell counts when some sRGB colour,
in steps of 5 codes, rounds to it: 260.
"""

import numpy as np

CELL = 10.0


def in_gamut_bins(step: int = 5) -> np.ndarray:
    """float32 Q,2: a*, b* of every cell that an sRGB colour rounds to, sorted by a*, then b*."""
    import torch

    from core.learn.lab_torch import srgb_to_lab

    codes = torch.arange(0, 256, step, dtype=torch.float64) / 255
    rgb = torch.stack(torch.meshgrid(codes, codes, codes, indexing="ij")).reshape(1, 3, -1, 1)
    ab = srgb_to_lab(rgb)[0, 1:, :, 0].T.numpy()
    cells = np.unique(np.round(ab / CELL), axis=0)
    return (cells * CELL).astype(np.float32)
