"""`cnn_3p9m` in the chapters that every network has, and what is its own."""

from pathlib import Path

import torch

from core.learn.nets.cnn_3p9m import CNN3p9M
from tests.learn.nets import chapters


def make() -> CNN3p9M:
    torch.manual_seed(1)
    return CNN3p9M()


def test_it_answers_with_chroma_at_its_stride_for_every_size():
    chapters.answers_at_its_stride(make())


def test_it_has_as_many_parameters_as_its_source():
    assert chapters.parameters(make()) == 3_892_194


def test_every_weight_learns():
    chapters.every_weight_learns(make(), "mse")


def test_its_model_file_answers_as_it_does(tmp_path: Path):
    chapters.its_file_answers_as_it_does(make().eval(), tmp_path)


def test_a_run_taken_up_again_ends_with_the_same_bits(tmp_path: Path):
    chapters.goes_on_to_the_same_bits(make, tmp_path, "mse")
