"""Predicts chroma of the size of a lightness, with a torch network or an ONNX file.

The same path as the runtime's, in plain torch: pad by reflection, ask, upsample the chroma
bicubically, crop. `Predictor` is the one thing that both kinds of model are reduced to.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

#: lightness float32 N,1,H,W and hints N,3,H,W (or None) -> chroma N,2,H/s,W/s
Predictor = Callable[[np.ndarray, np.ndarray | None], np.ndarray]


def predictor_of(net: Any) -> Predictor:
    """Ask a torch network, on the device that it lies on."""
    device = next(net.parameters()).device

    @torch.inference_mode()
    def ask(lightness: np.ndarray, hints: np.ndarray | None) -> np.ndarray:
        given = None if hints is None else torch.from_numpy(hints).to(device)
        return net(torch.from_numpy(lightness).to(device), given).chroma.float().cpu().numpy()

    return ask


def chroma_for(
    ask: Predictor, lightness: np.ndarray, hints: np.ndarray | None = None, *, multiple: int = 32
) -> np.ndarray:
    """a*, b* 2,H,W for `lightness` H,W (L* 0..100) and `hints` 3,H,W, float32."""
    height, width = lightness.shape
    pad = ((0, -height % multiple), (0, -width % multiple))
    # symmetric where the picture is too small to be reflected without its edge
    mode = "reflect" if pad[0][1] < height and pad[1][1] < width else "symmetric"
    padded = np.pad(lightness, pad, mode)[None, None].astype(np.float32)
    given = None if hints is None else np.pad(hints, ((0, 0), *pad))[None].astype(np.float32)
    chroma = torch.from_numpy(ask(padded, given))
    size = padded.shape[-2:]
    if chroma.shape[-2:] != size:
        chroma = F.interpolate(chroma, size=size, mode="bicubic", align_corners=False)
    return chroma[0, :, :height, :width].numpy()
