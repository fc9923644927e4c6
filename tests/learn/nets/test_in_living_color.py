"""`in_living_color` in the chapters that every network has, and what is its own."""

from pathlib import Path

import pytest
import torch

from core.errors import OptionsError
from core.learn.nets.in_living_color import InLivingColor
from tests.learn.nets import chapters


def make() -> InLivingColor:
    torch.manual_seed(1)
    return InLivingColor()


def test_it_answers_with_chroma_at_its_stride_for_every_size():
    chapters.answers_at_its_stride(make())


def test_it_has_as_many_parameters_as_its_source():
    assert chapters.parameters(make()) == 68_234


def test_every_weight_learns():
    chapters.every_weight_learns(make(), "mse", "neutral_penalty")


def test_its_model_file_answers_as_it_does(tmp_path: Path):
    chapters.its_file_answers_as_it_does(make().eval(), tmp_path)


def test_a_run_taken_up_again_ends_with_the_same_bits(tmp_path: Path):
    chapters.goes_on_to_the_same_bits(make, tmp_path, "mse", "neutral_penalty")


def test_its_dropout_works_in_training_only():
    net, given = make(), chapters.batch(32, 32)
    first, second = (net.train()(given.lightness).chroma for _ in range(2))
    assert not torch.equal(first, second)
    first, second = (net.eval()(given.lightness).chroma for _ in range(2))
    assert torch.equal(first, second)


def test_a_dropout_that_is_no_chance_is_refused_by_name():
    with pytest.raises(OptionsError, match=r"network.dropout is 1"):
        InLivingColor(dropout=1.0)
