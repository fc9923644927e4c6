"""The ruler of hints' reach, against colourings of which it is known how far they reach."""

import numpy as np
import pytest

from core.learn.measures.objects import segments
from tests.train.pictures import picture
from train.evaluate import Photograph
from train.hint_reach import HintReach


@pytest.fixture(scope="module")
def shots() -> list[Photograph]:
    """Three pictures, each half red and half blue."""
    shots = []
    for seed in range(3):
        rgb = picture(seed).copy()
        half = rgb.shape[1] // 2
        rgb[:, :half] = rgb[:, :half] // 4 + np.array((150, 20, 20), np.uint8)
        rgb[:, half:] = rgb[:, half:] // 4 + np.array((20, 20, 150), np.uint8)
        shots.append(Photograph.of(f"halves/{seed}.png", "halves", rgb))
    return shots


def reach_of(shots: list[Photograph], colour) -> dict[str, float]:
    ruler = HintReach(colour)
    for shot in shots:
        ruler.add(shot, np.zeros_like(shot.chroma))
    return ruler.result()


def to_the_edge(shot: Photograph, hints: np.ndarray) -> np.ndarray:
    """Each hint colours its own segment, and nothing else."""
    labels = segments(shot.lightness, shot.chroma)
    answer = np.zeros_like(shot.chroma)
    for name in np.unique(labels[hints[2] > 0]):
        thing = labels == name
        answer[:, thing] = hints[:2, thing & (hints[2] > 0)].mean(1)[:, None]
    return answer


def everywhere(shot: Photograph, hints: np.ndarray) -> np.ndarray:
    """The hints' mean colour floods the picture."""
    return np.broadcast_to(hints[:2, hints[2] > 0].mean(1)[:, None, None], shot.chroma.shape)


def nowhere(shot: Photograph, hints: np.ndarray) -> np.ndarray:
    return np.zeros_like(shot.chroma)


def test_hints_that_colour_their_thing_alone_do_not_stray(shots):
    found = reach_of(shots, to_the_edge)
    assert found["inside"] > 0.5 and found["inside_free"] > 0.5
    assert found["stray"] == found["stray_free"] == 0
    # it is the flat filling itself
    assert found["inside"] == pytest.approx(found["inside_flat"], abs=1e-3)
    assert found["inside_free"] == pytest.approx(found["inside_flat_free"], abs=1e-3)


def test_a_flood_strays_over_all_that_has_another_colour(shots):
    found = reach_of(shots, everywhere)
    assert found["stray"] > 0.9 and found["stray_free"] > 0.9
    assert found["inside_free"] > 0.5


def test_hints_without_effect_are_told(shots):
    found = reach_of(shots, nowhere)
    told = ("inside", "stray", "inside_free", "stray_free")
    assert {name: found[name] for name in told} == dict.fromkeys(told, 0.0)
