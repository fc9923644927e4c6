"""`Page.thumbnail`: a small picture of a large one, by means of blocks and their mixing."""

import numpy as np

from core.image.pixels import STRIP_PIXELS, PagePixels


def block_means(pixels: PagePixels, width: int, across: int, down: int) -> np.ndarray:
    """The mean of each block of `down` x `across` codes, (h, w, bands) float32.

    Blocks at the right and the lower margin may be smaller. Sums of whole rows first: as fast as
    libvips' shrink on 8 bits, 1.6 times as fast on 16 (0.03 s for 100 megapixels), and exact.
    """
    if across == down == 1:
        bands = pixels.bands(max(1, STRIP_PIXELS // width))
        return np.concatenate([codes.astype(np.float32) for _, codes in bands])
    starts = np.arange(0, width, across)
    widths = np.minimum(starts + across, width) - starts
    means = []
    for _, codes in pixels.bands(down * max(1, STRIP_PIXELS // (width * down))):
        # 257 codes of 8 bits add up to 65,535: sums in 16 bits are the quickest.
        narrow = codes.dtype == np.uint8 and down <= 257
        for top in range(0, len(codes), down):
            block = codes[top : top + down]
            rows = block.reshape(len(block), -1).sum(0, np.uint16 if narrow else np.uint64)
            sums = np.add.reduceat(rows.reshape(width, -1), starts, axis=0, dtype=np.float64)
            means.append(sums / (widths[:, np.newaxis] * len(block)))
    return np.asarray(means, np.float32)


def taps(size: int, block: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Which blocks make up each of `count` means of `size` pixels, and how much each counts.

    Blocks are of `block` pixels, the last one may be smaller. Returns two arrays (taps, wanted):
    the blocks' numbers and their weights (float32), which add up to 1.
    """
    blocks = -(-size // block)
    if count > size:  # between the centres of two pixels
        centres = np.clip((np.arange(count) + 0.5) * size / count - 0.5, 0, size - 1)
        first = np.floor(centres).astype(np.intp)
        numbers = np.stack((first, np.minimum(first + 1, size - 1)))
        weights = np.stack((1 - (centres - first), centres - first))
        return numbers, weights.astype(np.float32)
    bounds = np.arange(count + 1) * (size / count)
    low, high = bounds[:-1], bounds[1:]
    first = np.floor(low / block).astype(np.intp)
    numbers = first + np.arange(size // count // block + 2)[:, np.newaxis]
    starts, ends = numbers * block, np.minimum((numbers + 1) * block, size)
    weights = np.maximum(np.minimum(ends, high) - np.maximum(starts, low), 0.0)
    weights /= weights.sum(axis=0)
    return np.minimum(numbers, blocks - 1), weights.astype(np.float32)


def mixed(samples: np.ndarray, numbers: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Rows of `samples` (float32) mixed by `taps`. No matrix product: its threads cost more."""
    shape = (-1,) + (1,) * (samples.ndim - 1)
    parts = [w.reshape(shape) * samples[n] for n, w in zip(numbers, weights, strict=True)]
    return np.sum(parts, axis=0)
