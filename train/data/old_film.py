"""Simulates the look of old film: emulsion, blur, hard paper, fading, a scan's sharpening, grain,
a plate's border, damage.

Only the lightness that the network sees is changed. The parts that age and handling add to a
picture (scratches, dust, fading, borders) are in `damage.py`.
"""

import torch
from torch import Tensor

from train.data.augment_settings import Augment
from train.data.damage import blurred, border, damage
from train.data.random_numbers import RandomNumbers

#: Luminance of orthochromatic emulsions, which are blind to red: weights of linear R, G, B.
ORTHOCHROMATIC = (0.0, 0.42, 0.58)
PANCHROMATIC = (0.2126, 0.7152, 0.0722)


def old_film(
    rgb: Tensor, lightness: Tensor, settings: Augment, rng: RandomNumbers
) -> tuple[Tensor, Tensor]:
    """Returns L* as old photographs of the scenes would have it, and the border that hides them.

    `rgb` is sRGB 0..1 (N,3,H,W) and `lightness` its L* 0..100 (N,1,H,W). Returns L* 0..100 and the
    border, 0 or 1, both N,1,H,W. Lengths in `settings` are for 160 px; larger pictures are blurred
    in proportion.
    """
    height, width = lightness.shape[-2:]
    scale = max(1.0, min(height, width) / 160)
    is_orthochromatic = rng.happens(settings.orthochromatic)
    lightness = torch.where(is_orthochromatic, _emulsion(rgb, rng.uniform(0.4, 1.0)), lightness)
    if settings.halation:
        glow = blurred((lightness - 70).clamp_min(0), rng.uniform(2.0, 5.0) * scale)
        lightness = lightness + glow * rng.uniform(0.2, 1.0) * rng.happens(settings.halation)
    lightness = blurred(
        lightness, rng.uniform(*settings.blur_sigma) * scale * rng.happens(settings.blur)
    )
    gamma = torch.exp(_some(rng.uniform(-0.4, 0.4), settings.gamma, rng))
    if settings.contrast:
        hard = hardened(lightness, rng.uniform(2.0, 8.0), rng.uniform(0.35, 0.65))
        lightness = torch.where(rng.happens(settings.contrast), hard, lightness)
    gray, pale = rng.uniform(0, 22), rng.uniform(0, 18)
    if settings.fading < 1:
        is_faded = rng.happens(settings.fading)
        gray, pale = gray * is_faded, pale * is_faded
    black, white = gray, 100 - pale
    lightness = black + (white - black) * (lightness.clamp(0, 100) / 100) ** gamma
    if settings.sharpening:
        detail = lightness - blurred(lightness, rng.uniform(0.6, 2.0) * scale)
        strength = rng.uniform(0.3, 1.6) * rng.happens(settings.sharpening)
        lightness = lightness + detail * strength
    grain = rng.normal(1, height, width)
    grain = torch.where(rng.happens(0.5), blurred(grain, 0.7) * 2, grain)
    grain = grain * _some(rng.uniform(0, 5), settings.grain, rng)
    lightness = (lightness + grain).clamp(0, 100)
    rim = border(height, width, rng) * rng.happens(settings.border)
    lightness = torch.lerp(lightness, rng.uniform(0, 100), rim)
    if settings.damage:
        lightness = torch.where(rng.happens(settings.damage), damage(lightness, rng), lightness)
    return lightness, rim


def hardened(lightness: Tensor, slope: Tensor, middle: Tensor) -> Tensor:
    """Returns L* as on hard paper: an S-curve, in which shadows drown and skin in the sun is white.

    The curve is logistic, of `slope` at `middle` (a share of 100), and keeps black and white.
    """
    black, white = torch.sigmoid(-slope * middle), torch.sigmoid(slope * (1 - middle))
    curve = torch.sigmoid(slope * (lightness.clamp(0, 100) / 100 - middle))
    return 100 * (curve - black) / (white - black)


def _some(strength: Tensor, chance: float, rng: RandomNumbers) -> Tensor:
    """Returns `strength` with the probability `chance`, else 0.

    A chance of 1 draws no random number, so that recipes without the key keep the pictures that
    they had before the key was added.
    """
    return strength if chance >= 1 else strength * rng.happens(chance)


def _emulsion(rgb: Tensor, strength: Tensor) -> Tensor:
    """Returns the L* that an emulsion blind to red records; `strength` 0 is panchromatic."""
    linear = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    shape = (1, 3, 1, 1)
    weights = torch.lerp(
        rgb.new_tensor(PANCHROMATIC).view(shape),
        rgb.new_tensor(ORTHOCHROMATIC).view(shape),
        strength,
    )
    luminance = (linear * weights).sum(1, keepdim=True)
    root = luminance.clamp_min(1e-6) ** (1 / 3)
    return 116 * torch.where(luminance > 216 / 24389, root, luminance * 7.787 + 16 / 116) - 16
