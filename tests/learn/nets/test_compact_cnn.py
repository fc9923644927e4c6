"""`compact_cnn` in the chapters that every network has, and what is its own."""

from pathlib import Path

import torch

from core.learn.losses.regression import mse
from core.learn.nets.compact_cnn import CompactCNN
from tests.learn.nets import chapters

STEPS = 2000


def make() -> CompactCNN:
    torch.manual_seed(1)
    return CompactCNN()


def test_it_answers_with_chroma_at_its_stride_for_every_size():
    chapters.answers_at_its_stride(make())


def test_it_has_as_many_parameters_as_its_source():
    assert chapters.parameters(make()) == 32_202


def test_every_weight_learns():
    chapters.every_weight_learns(make(), "mse")


def test_its_model_file_answers_as_it_does(tmp_path: Path):
    chapters.its_file_answers_as_it_does(make().eval(), tmp_path)


def test_a_run_taken_up_again_ends_with_the_same_bits(tmp_path: Path):
    chapters.goes_on_to_the_same_bits(make, tmp_path, "mse")


def test_a_handful_of_pictures_is_learnt_by_heart():
    """The study's result: the loss falls to 3e-4 on the pictures it has seen, and only there."""
    net = make()
    handful, others = chapters.batch(32, 32, count=3), chapters.batch(32, 32, count=3, seed=9)
    optimizer = torch.optim.RMSprop(net.parameters(), lr=1e-3)
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = mse(net(handful.lightness), handful, net)
        if loss < 3e-4:
            break
        loss.backward()
        optimizer.step()
    assert mse(net(handful.lightness), handful, net) < 3e-4
    assert mse(net(others.lightness), others, net) > 10 * 3e-4
