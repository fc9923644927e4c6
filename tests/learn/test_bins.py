"""The 313 published bins."""

import numpy as np
from scipy.ndimage import binary_dilation

from core.learn.bins import in_gamut_bins, published_bins


def cells(bins: np.ndarray) -> set[tuple[int, int]]:
    return {(int(a), int(b)) for a, b in bins}


def test_there_are_313_of_size_10_sorted_and_different():
    bins = published_bins()
    assert bins.shape == (313, 2) and bins.dtype == np.float32
    assert (bins % 10 == 0).all()
    assert [tuple(row) for row in bins] == sorted(cells(bins))


def test_every_cell_that_srgb_rounds_to_is_among_them():
    assert cells(in_gamut_bins()) <= cells(published_bins())


def test_none_is_further_than_one_step_from_such_a_cell():
    gamut = np.zeros((27, 27), bool)
    for a, b in cells(in_gamut_bins(step=3)):
        gamut[a // 10 + 13, b // 10 + 13] = True
    near = binary_dilation(gamut)
    assert gamut.sum() == 261 and near.sum() == 323
    assert all(near[a // 10 + 13, b // 10 + 13] for a, b in cells(published_bins()))
