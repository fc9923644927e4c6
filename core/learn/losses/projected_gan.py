"""A critic that sees pictures through a frozen classifier, after "Projected GANs".

Sauer, Chitta, Müller, Geiger 2021. The painted and the true picture, at the lightness that the
network saw, go through EfficientNet-Lite1. Small heads on its features learn to tell them apart,
and the painter to be taken for true; a perceptual distance between the same features keeps it near
the truth. A short stage of this cures the sepia that likelihood alone ends in (DeOldify's "NoGAN").
"""

import functools
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call

from core.errors import OptionsError
from core.learn.backbones.efficientnet_lite import EfficientNetLite1, pretrained_lite1
from core.learn.batch import NetworkOutput, TrainingBatch
from core.learn.lab_torch import lab_to_srgb
from core.learn.losses.gan import critic_hinge, painter_hinge


def projected(
    prediction: NetworkOutput,
    batch: TrainingBatch,
    net: Any,
    *,
    believed: float = 0.3,
    perceptual: float = 1.0,
    critic: float = 1.0,
) -> Tensor:
    """`believed` x the painter's hinge loss + `perceptual` x distance + `critic` x the critic's.

    Each gradient reaches its own side alone (see `adversarial`). The distance is the mean over the
    taps of the mean absolute difference over the truth's mean magnitude.
    """
    if getattr(net, "critic", None) is None:
        raise OptionsError(
            f"loss projected: {type(net).__name__} has no critic", remedy="set critic = true"
        )
    classifier = _classifier(batch.lightness.device)
    size = prediction.chroma.shape[-2:]
    # at the painter's own grid: else the critic would tell them by sharpness
    coarse = F.adaptive_avg_pool2d(batch.chroma, (size[0], size[1]))
    with torch.no_grad():
        true_taps = classifier.taps(_shown(batch.lightness, coarse))
    our_taps = classifier.taps(_shown(batch.lightness, prediction.chroma))
    fixed = {name: tensor.detach() for name, tensor in net.critic.named_parameters()}
    painter = torch.stack(
        [painter_hinge(s) for s in functional_call(net.critic, fixed, (our_taps,))]
    )
    fake, real = net.critic([x.detach() for x in our_taps]), net.critic(true_taps)
    critic_loss = torch.stack([critic_hinge(r, f) for f, r in zip(fake, real, strict=True)])
    distance = torch.stack(
        [(o - t).abs().mean() / t.abs().mean() for o, t in zip(our_taps, true_taps, strict=True)]
    )
    return believed * painter.mean() + perceptual * distance.mean() + critic * critic_loss.mean()


def _shown(lightness: Tensor, chroma: Tensor) -> Tensor:
    """sRGB 0..1 of L* and of a*, b* on a coarser grid."""
    with torch.autocast(lightness.device.type, enabled=False):  # bfloat16 has 8 bits, too few here
        fine = F.interpolate(chroma.float(), size=lightness.shape[-2:], mode="bilinear")
        return lab_to_srgb(torch.cat((lightness, fine), 1)).clamp(0, 1)


@functools.cache
def _classifier(device: torch.device) -> EfficientNetLite1:
    return pretrained_lite1().to(device).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
