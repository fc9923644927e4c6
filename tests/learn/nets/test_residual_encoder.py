"""`residual_encoder` in the chapters that every network has, and what is its own."""

from pathlib import Path

import torch

from core.learn.nets.residual_encoder import ResidualEncoder
from tests.learn.nets import chapters


def make() -> ResidualEncoder:
    torch.manual_seed(1)
    return ResidualEncoder()


def test_it_answers_with_chroma_at_its_stride_for_every_size():
    chapters.answers_at_its_stride(make())


def test_it_has_as_many_parameters_as_its_source():
    assert chapters.parameters(make()) == 8_139_677


def test_every_weight_learns():
    chapters.every_weight_learns(make(), "blurred_uv")


def test_its_model_file_answers_as_it_does(tmp_path: Path):
    chapters.its_file_answers_as_it_does(make().eval(), tmp_path)


def test_a_run_taken_up_again_ends_with_the_same_bits(tmp_path: Path):
    chapters.goes_on_to_the_same_bits(make, tmp_path, "blurred_uv")


def test_norms_stand_in_for_biases_outside_vgg():
    own = [m for name, m in make().named_modules() if not name.startswith("vgg")]
    convolutions = [m for m in own if isinstance(m, torch.nn.Conv2d)]
    assert len(convolutions) == 6
    assert all(m.bias is None for m in convolutions)


def test_its_native_answer_is_uv_within_its_range():
    prediction = make()(chapters.batch(32, 32).lightness)
    assert prediction.native is not None
    assert prediction.native.shape == (2, 2, 32, 32)
    assert prediction.native[:, 0].abs().max() <= 0.436
    assert prediction.native[:, 1].abs().max() <= 0.615
