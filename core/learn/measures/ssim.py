"""Structural similarity (Wang, Bovik, Sheikh, Simoncelli 2004) of two sRGB pictures."""

import numpy as np
import torch
import torch.nn.functional as F

#: The paper's window (a Gaussian of 11 px, sigma 1.5) and constants.
WIDTH, SIGMA = 11, 1.5
K1, K2 = 0.01, 0.03


def ssim(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Mean SSIM over channels and all whole windows of sRGB pictures H,W,3 in 0..1.

    On 8-bit codes, as the files would hold them; 1 for the same picture. Pictures of less than
    11 px a side have no window: nan.
    """
    if min(predicted.shape[:2]) < WIDTH:
        return float("nan")
    first, second = (
        torch.from_numpy(np.round(np.clip(rgb, 0, 1) * 255)).double().movedim(-1, 0)[:, None]
        for rgb in (predicted, truth)
    )
    mean1, mean2 = _windows(first), _windows(second)
    variance1 = _windows(first**2) - mean1**2
    variance2 = _windows(second**2) - mean2**2
    covariance = _windows(first * second) - mean1 * mean2
    c1, c2 = (K1 * 255) ** 2, (K2 * 255) ** 2
    likeness = (2 * mean1 * mean2 + c1) * (2 * covariance + c2)
    size = (mean1**2 + mean2**2 + c1) * (variance1 + variance2 + c2)
    return float((likeness / size).mean())


def _windows(planes: torch.Tensor) -> torch.Tensor:
    reach = torch.arange(WIDTH, dtype=planes.dtype) - WIDTH // 2
    line = torch.exp(-(reach**2) / (2 * SIGMA**2))
    line = line / line.sum()
    return F.conv2d(F.conv2d(planes, line.view(1, 1, 1, -1)), line.view(1, 1, -1, 1))
