"""YUV for the networks that think in it: U and V of a picture of known L*, both ways to a* b*.

BT.601's YUV of gamma-coded sRGB, as the 2016 studies used it: Y = 0.299 R + 0.587 G + 0.114 B,
U = 0.492 (B - Y) within +-0.436, V = 0.877 (R - Y) within +-0.615. Differentiable, N,C,H,W.
"""

import torch
from torch import Tensor

from core.learn.lab_torch import lab_to_srgb, srgb_to_lab

#: R, G, B's shares of Y (ITU-R BT.601).
LUMA = (0.299, 0.587, 0.114)
#: The largest |U| and |V|.
U_MAX, V_MAX = 0.436, 0.615


def gray_of(lightness: Tensor) -> Tensor:
    """N,1,H,W of L* 0..100 to the sRGB code 0..1 of the gray with that lightness."""
    luminance = torch.where(
        lightness > 8, ((lightness + 16) / 116) ** 3, lightness * (27 / 24389)
    ).clamp(0, 1)
    return torch.where(
        luminance <= 0.0031308,
        12.92 * luminance,
        1.055 * luminance.clamp_min(0.0031308) ** (1 / 2.4) - 0.055,
    )


def rgb_to_uv(rgb: Tensor) -> Tensor:
    """N,3,H,W of sRGB 0..1 to U, V, N,2,H,W."""
    red, _, blue = rgb.split(1, 1)
    luma = torch.einsum("c,nchw->nhw", rgb.new_tensor(LUMA), rgb)[:, None]
    return torch.cat((_U * (blue - luma), _V * (red - luma)), 1)


def ab_to_uv(lightness: Tensor, ab: Tensor) -> Tensor:
    """U, V of the sRGB colour with that L*, a*, b*, clipped to 0..1 as a file would hold it."""
    with _exactly(ab):
        lab = torch.cat((lightness, ab), 1).to(_wide(ab))
        return rgb_to_uv(lab_to_srgb(lab).clamp(0, 1))


def uv_to_ab(lightness: Tensor, uv: Tensor) -> Tensor:
    """a*, b* of the colour whose Y is the gray of that L* and whose U, V are given.

    Its own L* is close to the gray's but not the same: Y is not lightness. Only the chroma is
    taken, as the pixel promise asks.
    """
    with _exactly(uv):
        luma = gray_of(lightness)
        u, v = uv.to(_wide(uv)).split(1, 1)
        red, blue = luma + v / _V, luma + u / _U
        green = (luma - LUMA[0] * red - LUMA[2] * blue) / LUMA[1]
        return srgb_to_lab(torch.cat((red, green, blue), 1).clamp(0, 1))[:, 1:]


def _exactly(like: Tensor) -> torch.autocast:
    """Colour is not reckoned in bfloat16, whose eight bits are steps of half a unit of a* b*."""
    return torch.autocast(like.device.type, enabled=False)


def _wide(like: Tensor) -> torch.dtype:
    return torch.promote_types(like.dtype, torch.float32)


_U = U_MAX / (1 - LUMA[2])
_V = V_MAX / (1 - LUMA[0])
