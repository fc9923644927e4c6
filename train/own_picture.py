"""Measures the pictures of networks that paint RGB, before the true lightness is put back.

In use and in all other measures only their a* b* counts. A network that has to paint the lightness
too pays for that: this says how much.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from core.learn.checkpoint import checkpoint_of, network_of
from core.learn.lab_torch import srgb_to_lab
from core.learn.measures.ciede2000 import ciede2000
from core.learn.measures.picture import psnr
from train.evaluate import photographs


def own_picture(run: Path, data: Path, short_side: int | None = None) -> dict[str, float]:
    """Means over the pictures of `data`; {} where the network of the run `paints_rgb` not.

    `own_psnr` and `own_ciede2000` of its own picture to the truth, `own_lightness_error` the mean
    |difference| of its L* from the one that it was shown.
    """
    net: Any = network_of(checkpoint_of(run))
    if not getattr(net, "paints_rgb", False):
        return {}
    rows = []
    for photograph in photographs(data, short_side):
        rgb = _painted(net, photograph.lightness)
        lab = np.moveaxis(srgb_to_lab(torch.from_numpy(rgb[None]))[0].numpy(), 0, -1)
        truth = np.stack((photograph.lightness, *photograph.chroma), -1)
        rows.append(
            (
                psnr(np.moveaxis(rgb, 0, -1), photograph.rgb / 255),
                float(ciede2000(lab, truth).mean()),
                float(np.abs(lab[..., 0] - photograph.lightness).mean()),
            )
        )
    names = ("own_psnr", "own_ciede2000", "own_lightness_error")
    return dict(zip(names, np.mean(rows, 0).tolist(), strict=True))


@torch.inference_mode()
def _painted(net: Any, lightness: np.ndarray) -> np.ndarray:
    """sRGB 3,H,W of the network's own picture, padded as `core.learn.predict` pads it."""
    height, width = lightness.shape
    pad = ((0, -height % net.multiple), (0, -width % net.multiple))
    mode = "reflect" if pad[0][1] < height and pad[1][1] < width else "symmetric"
    padded = np.pad(lightness, pad, mode)[None, None].astype(np.float32)
    return net(torch.from_numpy(padded)).native[0, :, :height, :width].numpy()
