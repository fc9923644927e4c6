"""The adversarial pair: a painter that wants to be believed, a critic that wants to tell.

Both learn in one backward pass. `adversarial` adds the painter's loss, through a critic whose
weights are held still, and the critic's loss, on a painting that is held still: each gradient
reaches its own side alone, so that the trainer needs no second optimizer and no second loop.
"""

from typing import Any

import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call

from core.errors import OptionsError
from core.learn.batch import NetworkOutput, TrainingBatch


def adversarial(
    prediction: NetworkOutput,
    batch: TrainingBatch,
    net: Any,
    *,
    kind: str = "hinge",
    critic: float = 1.0,
) -> Tensor:
    """The painter's loss + `critic` times the critic's, of a network that has a `critic`.

    `kind`: "hinge" (Lim & Ye 2017) or "non_saturating" (Goodfellow et al. 2014).
    """
    if kind not in PAINTER:
        raise OptionsError(
            f"loss adversarial: kind is {kind!r}", remedy=f"give {' or '.join(PAINTER)}"
        )
    if not hasattr(net, "critic"):
        raise OptionsError(
            f"loss adversarial: {type(net).__name__} has no critic", remedy="use unet_gan"
        )
    painted, lightness = prediction.chroma, batch.lightness
    still = {name: tensor.detach() for name, tensor in net.critic.named_parameters()}
    believed = functional_call(net.critic, still, (lightness, painted))
    real = net.critic(lightness, batch.chroma)
    fake = net.critic(lightness, painted.detach())
    return PAINTER[kind](believed) + critic * CRITIC[kind](real, fake)


def painter_hinge(fake: Tensor) -> Tensor:
    """Minus the mean judgement."""
    return -fake.mean()


def critic_hinge(real: Tensor, fake: Tensor) -> Tensor:
    """Mean of max(0, 1 - real) and of max(0, 1 + fake), halved."""
    return (F.relu(1 - real).mean() + F.relu(1 + fake).mean()) / 2


def painter_non_saturating(fake: Tensor) -> Tensor:
    """Minus the mean log of the chance that the painting is real."""
    return F.softplus(-fake).mean()


def critic_non_saturating(real: Tensor, fake: Tensor) -> Tensor:
    """Binary cross entropy over both kinds, halved."""
    return (F.softplus(-real).mean() + F.softplus(fake).mean()) / 2


PAINTER = {"hinge": painter_hinge, "non_saturating": painter_non_saturating}
CRITIC = {"hinge": critic_hinge, "non_saturating": critic_non_saturating}
