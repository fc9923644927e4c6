"""`unet_gan` beyond what every network has (`test_every_network.py`)."""

from pathlib import Path

import torch

from core.learn.export import export
from core.learn.nets.unet_gan import UNetGAN
from tests.learn.nets import chapters


def make() -> UNetGAN:
    torch.manual_seed(1)
    return UNetGAN(width=4)


def test_the_critic_judges_patches_of_70_pixels():
    """A change within the patch of the middle judgement reaches it, a change outside does not."""
    critic = make().critic
    for layer in critic.layers:
        if isinstance(layer, torch.nn.InstanceNorm2d):
            layer.forward = lambda input: input  # a norm sees the whole picture
    chroma = torch.zeros(1, 2, 160, 160, requires_grad=True)
    judgement = critic(torch.full((1, 1, 160, 160), 50.0), chroma)
    middle = judgement.shape[-1] // 2
    judgement[0, 0, middle, middle].backward()
    assert chroma.grad is not None
    seen = chroma.grad[0].abs().sum((0, 1)).nonzero()
    assert int(seen.max() - seen.min()) + 1 == 70


def test_no_exported_file_has_the_critic(tmp_path: Path):
    import onnx

    path = export(make(), tmp_path / "model.onnx", chapters.ABOUT)
    names = [tensor.name for tensor in onnx.load(path).graph.initializer]
    assert names and not any("critic" in name for name in names)


def test_the_critic_has_as_many_parameters_as_the_docstring_says():
    assert chapters.parameters(UNetGAN().critic) == 2_763_841
