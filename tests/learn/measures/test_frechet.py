"""The Fréchet distance, and the features that it is taken in."""

import math

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from core.errors import PhotochromError
from core.learn.backbones import inception_v3
from core.learn.measures.frechet import FeatureStatistics, distance


def crowd(features: np.ndarray) -> FeatureStatistics:
    gathered = FeatureStatistics(features.shape[1])
    for part in np.array_split(features, 3):
        gathered.add(part)
    return gathered


def test_it_is_the_formula():
    random = np.random.default_rng(1)
    first = random.normal(0, 1, (60, 8)) @ random.normal(0, 1, (8, 8))
    second = random.normal(0.5, 2, (45, 8))
    c1, c2 = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    apart = np.sum((first.mean(0) - second.mean(0)) ** 2)
    expected = apart + np.trace(c1 + c2 - 2 * np.real(np.asarray(sqrtm(c1 @ c2))))
    assert distance(crowd(first), crowd(second)) == pytest.approx(expected, rel=1e-8)


def test_a_crowd_is_at_no_distance_from_itself_also_with_fewer_pictures_than_features():
    few = np.random.default_rng(2).normal(0, 1, (5, 40))
    assert distance(crowd(few), crowd(few)) == pytest.approx(0, abs=1e-5)


def test_one_picture_is_no_crowd():
    one, many = crowd(np.zeros((1, 3))), crowd(np.zeros((9, 3)))
    assert math.isnan(distance(one, many))


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return inception_v3.InceptionV3().state_dict()


@pytest.mark.parametrize(("classes", "tensorflow"), [(1000, False), (1008, True)])
def test_inception_features_come_from_a_users_file_of_either_kind(
    tmp_path, weights, classes: int, tensorflow: bool
):
    torch.save(
        {**weights, "fc.weight": torch.zeros(classes, 2048), "AuxLogits.fc.bias": torch.zeros(9)},
        tmp_path / "inception.pth",
    )
    net = inception_v3.from_file(str(tmp_path / "inception.pth"))
    direct = inception_v3.InceptionV3(tensorflow)
    direct.load_state_dict(weights)
    rgb = torch.rand(1, 3, 40, 60)
    stretched = torch.nn.functional.interpolate(rgb, size=(299, 299), mode="bilinear")
    with torch.inference_mode():
        ours, theirs = net.features(rgb), direct.eval()(stretched * 2 - 1)
        assert ours.shape == (1, 2048)
        torch.testing.assert_close(ours, theirs)


def test_inception_has_the_published_parameters(weights):
    count = sum(t.numel() for n, t in weights.items() if n.endswith((".weight", ".bias")))
    assert count == 23_834_568 - 1000 * 2049  # torchvision's, without the last layer and the helper


def test_a_file_that_lacks_something_says_what(tmp_path, weights):
    short = {k: v for k, v in weights.items() if not k.startswith("Mixed_7c.branch1x1.bn")}
    torch.save(short, tmp_path / "inception.pth")
    with pytest.raises(PhotochromError, match=r"lacks Mixed_7c.branch1x1.bn.weight"):
        inception_v3.from_file(str(tmp_path / "inception.pth"))
