"""`unet_gan` in the chapters that every network has, and what is its own."""

from pathlib import Path

import torch

from core.learn.export import export
from core.learn.nets.unet_gan import UNetGAN
from tests.learn.nets import chapters


def make() -> UNetGAN:
    torch.manual_seed(1)
    return UNetGAN(width=4)


def test_it_answers_with_chroma_at_its_stride_for_every_size():
    chapters.answers_at_its_stride(make())


def test_it_has_as_many_parameters_as_its_source():
    net = UNetGAN()
    assert chapters.parameters(net.critic) == 2_763_841
    assert chapters.parameters(net) == 2_763_841 + 16_655_554


def test_every_weight_learns():
    chapters.every_weight_learns(make(), "l1", "adversarial")


def test_its_model_file_answers_as_it_does(tmp_path: Path):
    chapters.its_file_answers_as_it_does(make().eval(), tmp_path)


def test_a_run_taken_up_again_ends_with_the_same_bits(tmp_path: Path):
    chapters.goes_on_to_the_same_bits(make, tmp_path, "l1", "adversarial")


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
