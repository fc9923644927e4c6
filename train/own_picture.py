"""Measures the RGB output of networks that `paints_rgb`, without putting the true lightness back.

In use and in all other measures only the a*, b* of their output count. These measures show what it
costs that such a network must predict the lightness too.
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
    """Returns means over the pictures of `data`; {} where the network does not have `paints_rgb`.

    `own_psnr` (dB) and `own_ciede2000` compare the output with the truth; `own_lightness_error` is
    the mean |difference| of its L* from the L* of the input.
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
    """Returns the output of the network, sRGB 3,H,W, with padding as in `core.learn.predict`."""
    height, width = lightness.shape
    pad = ((0, -height % net.multiple), (0, -width % net.multiple))
    mode = "reflect" if pad[0][1] < height and pad[1][1] < width else "symmetric"
    padded = np.pad(lightness, pad, mode)[None, None].astype(np.float32)
    return net(torch.from_numpy(padded)).native[0, :, :height, :width].numpy()
