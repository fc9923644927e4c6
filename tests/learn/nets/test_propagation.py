"""Hints that reach further than convolutions: what they add, and to what."""

from pathlib import Path

import numpy as np
import pytest
import torch

from core.learn.nets.lite import Lite
from core.learn.nets.propagation import MOST_CELLS, Propagation, _evenly_chosen
from core.model.session import open_session
from tests.learn.nets import chapters


def asked(answer: torch.Tensor, *hints: tuple[int, int, float, float]) -> torch.Tensor:
    """3,4h,4w with squares of 4 px: top, left, a*, b*."""
    planes = torch.zeros(1, 3, answer.shape[1] * 4, answer.shape[2] * 4)
    for top, left, a, b in hints:
        planes[0, :, top : top + 4, left : left + 4] = torch.tensor([a, b, 1])[:, None, None]
    return planes


def scene() -> tuple[Propagation, torch.Tensor, torch.Tensor, torch.Tensor]:
    """A propagation that was taught nothing; its left half is dark, its right half is light."""
    torch.manual_seed(1)
    net = Propagation(8)
    for tensor in (net.query.weight, net.key.weight):
        torch.nn.init.zeros_(tensor)
    gray = torch.cat((torch.full((1, 16, 12, 1), -0.5), torch.full((1, 16, 12, 1), 0.5)), 2)
    return net, torch.randn(1, 16, 24, 8), gray, torch.zeros(1, 16, 24, 2)


@torch.no_grad()
def test_no_hint_adds_nothing():
    net, features, gray, answer = scene()
    assert not net(features, gray, answer + 5, asked(answer)).any()


@torch.no_grad()
def test_a_hint_colours_what_is_as_light_and_stops_at_the_edge():
    net, features, gray, answer = scene()
    a, b = net(features, gray, answer, asked(answer, (32, 36, 40, -20)))[0].unbind(2)
    assert a[8, 11] > 14 and b[8, 11] == pytest.approx(-a[8, 11].item() / 2, rel=1e-4)
    assert a[8, 9] > a[8, 3] > 1  # the nearer the more
    assert a[8, 12:].abs().max() < 0.1 * a[8, 11]


@torch.no_grad()
def test_a_hint_stops_at_a_border_though_what_lies_behind_is_as_light():
    net, features, gray, answer = scene()
    gray[:, :, 12:] = -0.5  # one lightness everywhere, but for a line
    hint = asked(answer, (32, 36, 40, -20))
    a_before = net(features, gray, answer, hint)[0, ..., 0]
    gray[:, :, 13] = 1
    a_after = net(features, gray, answer, hint)[0, ..., 0]
    assert a_before[8, 15] > 5 and a_after[8, 15] < 0.5 * a_before[8, 15]
    torch.testing.assert_close(a_after[:, :12], a_before[:, :12])


@torch.no_grad()
def test_what_is_asked_for_already_stays():
    net, features, gray, answer = scene()
    right = answer + torch.tensor([40.0, -20.0])
    added = net(features, gray, right, asked(answer, (32, 36, 40, -20)))
    torch.testing.assert_close(added, torch.zeros_like(added), atol=1e-4, rtol=0)


@torch.no_grad()
def test_hints_of_one_picture_leave_the_others_alone():
    net, features, gray, answer = scene()
    first, second = asked(answer, (32, 36, 40, -20)), asked(answer, (8, 72, 0, 30), (40, 4, -30, 0))
    both = net(
        *(x.expand(2, -1, -1, -1) for x in (features, gray, answer)), torch.cat((first, second))
    )
    for ours, alone in zip(both, (first, second), strict=True):
        torch.testing.assert_close(ours, net(features, gray, answer, alone)[0])


@torch.no_grad()
@pytest.mark.parametrize("training", [True, False])
def test_in_training_the_hints_of_a_batch_do_not_crowd_each_other_out(training: bool):
    net, features, gray, answer = scene()
    net.train(training)
    painted = asked(answer) + torch.tensor([40.0, -20.0, 1.0]).view(3, 1, 1)  # 96 cells a picture
    many = 1 + MOST_CELLS // 96
    together = net(*(x.expand(many, *x.shape[1:]) for x in (features, gray, answer, painted)))
    alone = net(features, gray, answer, painted).expand_as(together)
    assert torch.allclose(together, alone, atol=1e-4) == training


@pytest.mark.parametrize("count", [0, 1, MOST_CELLS, MOST_CELLS + 1, 3 * MOST_CELLS])
def test_so_many_cells_are_asked_at_most_and_evenly(count: int):
    places = torch.arange(3 * count).reshape(count, 3)
    asked = _evenly_chosen(places, MOST_CELLS)
    assert len(asked) == len(asked.unique(dim=0)) == min(count, MOST_CELLS)
    if count:
        gaps = places[:, 0].new_tensor([*asked[:, 0].tolist(), 3 * count]).diff() // 3
        assert gaps.max() - gaps.min() <= 1 and torch.equal(asked[0], places[0])


def test_every_weight_learns_from_hinted_pictures():
    net = Lite(propagates=True).train()
    given = chapters.batch(96, 96)
    given.hints[:, :2, 20:30, 20:30] = given.chroma[:, :, 20:30, 20:30]
    given.hints[:, 2, 20:30, 20:30] = 1
    from core.learn.losses import Term, objective

    prediction = net(given.lightness, given.hints)
    objective([Term("smooth_l1", 1.0, {})], prediction, given, net)[0].backward()
    assert net.carry is not None
    for name, tensor in net.carry.named_parameters():
        assert tensor.grad is not None and tensor.grad.abs().max() > 0, name


def test_its_model_file_answers_as_it_does_with_and_without_hints(tmp_path: Path):
    torch.manual_seed(1)
    net = Lite(propagates=True).eval()
    chapters.its_file_answers_as_it_does(net, tmp_path)  # `export` checks a single hint
    given = chapters.batch(160, 192, count=1)
    painted = torch.cat((given.chroma, torch.ones(1, 1, 160, 192)), 1)  # more than MOST_CELLS
    with torch.no_grad():
        ours = net(given.lightness, painted).chroma[0].numpy()
    session = open_session(tmp_path / "model.onnx", "cpu")
    theirs = session.predict(given.lightness[0, 0].numpy(), painted[0].numpy()).chroma
    assert np.abs(theirs - ours).max() < 0.05
