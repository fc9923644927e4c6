"""The measures beyond RMSE: each against its own function, and what is asked for by weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core.errors import PhotochromError, SourceError
from core.learn.measures.ciede2000 import ciede2000
from core.learn.measures.lpips import LPIPS
from core.learn.measures.picture import colourfulness, colourfulness_absolute
from tests.train.pictures import picture
from train.evaluate import Photograph
from train.extended_measures import ExtendedMeasures, RequestedMeasures


def photograph(seed: int = 1) -> Photograph:
    return Photograph.of(f"set/{seed}.png", "set", picture(seed))


NOTHING = RequestedMeasures()


def judged(asked: RequestedMeasures = NOTHING, factor: float = 0.5, count: int = 2) -> dict:
    thorough = ExtendedMeasures(asked)
    for seed in range(1, count + 1):
        thorough.add(photograph(seed), photograph(seed).chroma * factor)
    return thorough.result()


def test_the_truth_itself_is_perfect():
    found = judged(factor=1.0)
    assert found["ssim"] == pytest.approx(1, abs=1e-3)
    assert found["ciede2000"] == found["ciede2000_p90"] == 0
    assert found["auc_rebalanced"] == 100
    assert found["a_distance"] == found["b_distance"] == 0
    assert found["colourfulness_absolute_ratio"] == pytest.approx(1, abs=0.01)


def test_figures_are_means_over_the_pictures():
    differences = []
    for seed in (1, 2):
        shot = photograph(seed)
        labs = [np.stack((shot.lightness, *ab), -1) for ab in (shot.chroma, shot.chroma / 2)]
        differences.append(ciede2000(labs[0], labs[1]))
    found = judged()
    assert found["ciede2000"] == pytest.approx(np.mean([d.mean() for d in differences]))
    high = np.mean([np.quantile(d, 0.9) for d in differences])
    assert found["ciede2000_p90"] == pytest.approx(high)
    assert found["a_distance"] > 5 and found["a_reach_ratio"] == pytest.approx(0.5, abs=0.05)


def test_the_published_colourfulness_differs_from_the_signed_one():
    """By hand, for half red, half green: |R - G| is 255 everywhere and has no deviation."""
    rgb = np.zeros((2, 2, 3))
    rgb[0, :, 0] = rgb[1, :, 1] = 1.0
    assert colourfulness_absolute(rgb) == pytest.approx(0.3 * np.hypot(255, 127.5))
    assert colourfulness(rgb) == pytest.approx(255 + 0.3 * 127.5)


def test_objects_come_from_masks_and_patches_are_called_segments(tmp_path: Path):
    (tmp_path / "set").mkdir()
    mask = np.zeros((48, 64), np.uint8)
    mask[:20, :20], mask[30:, 30:] = 1, 2
    Image.fromarray(mask).save(tmp_path / "set" / "1.png")
    found = judged(RequestedMeasures(masks=tmp_path, segments=True), factor=1.0)
    assert (found["objects"], found["objects_right"]) == (2, 1.0)
    assert found["segments"] > 20 and found["segments_right"] == 1.0
    assert found["spread_within_ratio"] == pytest.approx(1)
    assert "objects" not in judged(RequestedMeasures(segments=True)) and "segments" not in judged()


def test_a_mask_of_another_size_is_refused(tmp_path: Path):
    Image.fromarray(np.zeros((5, 5), np.uint8)).save(tmp_path / "1.png")
    with pytest.raises(SourceError, match=r"1.png: the mask is \(5, 5\), its picture \(48, 64\)"):
        judged(RequestedMeasures(masks=tmp_path))


def test_realism_is_perfect_for_the_truth_and_falls_with_its_colours():
    perfect, gray = (
        judged(RequestedMeasures(realism=True), factor, count=4) for factor in (1.0, 0.0)
    )
    assert perfect["semantic_agreement"] == 1 and perfect["realism_pictures"] == 4
    assert perfect["frechet_lite0"] == pytest.approx(0, abs=0.5)
    assert gray["frechet_lite0"] > 10 * abs(perfect["frechet_lite0"])
    assert gray["frechet_lite0"] == gray["frechet_lite0_gray"] == perfect["frechet_lite0_gray"]
    assert gray["frechet_ratio"] == 1 and perfect["frechet_ratio"] < 0.1


def test_lpips_takes_the_users_files(tmp_path: Path):
    torch.manual_seed(1)
    net = LPIPS()
    torch.save(net.vgg.state_dict(), tmp_path / "vgg16.pth")
    torch.save({k: v.abs() for k, v in net.lines.state_dict().items()}, tmp_path / "lines.pth")
    files = tmp_path / "vgg16.pth", tmp_path / "lines.pth"
    assert (
        judged(RequestedMeasures(lpips=files), 1.0)["lpips"]
        < judged(RequestedMeasures(lpips=files), 0.0)["lpips"]
    )


def test_what_is_missing_is_said(tmp_path: Path):
    with pytest.raises(PhotochromError, match=r"gone.pth: no such file of weights"):
        ExtendedMeasures(RequestedMeasures(inception=tmp_path / "gone.pth"))
