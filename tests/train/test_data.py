"""From tars and folders to batches: what is read, what is left out, what is drawn."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import SourceError
from tests.train.pictures import encoded, picture, shard, write_tar
from train.data.augment import Box, crop, draw_hints
from train.data.augment_settings import Augment
from train.data.batches import BatchPlan, batches
from train.data.cache import CachedPicture, build
from train.data.gpu_pictures import GpuPictures
from train.data.old_film import old_film
from train.data.random_numbers import RandomNumbers
from train.data.sampling import PictureSampler, choose_pictures, has_colour, split
from train.data.shards import members, sources

PLAIN = Augment(crop=(1.0, 1.0), aspect=1.0, flip=0.0, old_film=0.0, hints=0.0)


def test_a_tar_and_a_folder_of_the_same_files_have_the_same_members(tmp_path: Path):
    tar = shard(tmp_path / "a.tar", {"cats": 2, "dogs": 1})
    folder = tmp_path / "folder"
    for member in members(tar):
        (folder / member.name).parent.mkdir(parents=True, exist_ok=True)
        (folder / member.name).write_bytes(member.data)
    (folder / "cats" / "notes.txt").write_text("no picture")
    assert list(members(folder)) == list(members(tar))
    assert [m.set_name for m in members(tar)] == ["cats", "cats", "dogs"]
    assert sources(folder) == [folder] and sources(tmp_path) == [tar]


def test_decoded_pictures_are_the_pictures(tmp_path: Path):
    shard(tmp_path / "a.tar", {"cats": 3})
    pictures = build(tmp_path, tmp_path / "cache")
    assert len(pictures) == 3 and pictures.damaged == []
    assert np.array_equal(pictures.picture(2), picture(2))
    (tmp_path / "a.tar").unlink()
    assert np.array_equal(build(tmp_path, tmp_path / "cache").picture(1), picture(1))


def test_larger_pictures_are_reduced_to_the_short_side(tmp_path: Path):
    write_tar(tmp_path / "a.tar", {"x/0.png": encoded(picture(1, 60, 90))})
    assert build(tmp_path, tmp_path / "cache", short_side=30).picture(0).shape == (30, 45, 3)


def test_a_few_damaged_members_are_reported_and_left_out(tmp_path: Path):
    files = {f"x/{n:03d}.png": encoded(picture(n, 8, 8)) for n in range(120)}
    files["x/050.png"] = files["x/050.png"][:40]
    write_tar(tmp_path / "a.tar", files)
    pictures = build(tmp_path, tmp_path / "cache")
    assert pictures.damaged == ["x/050.png"] and len(pictures) == 119


def test_more_than_one_percent_damaged_stops_and_names_the_first(tmp_path: Path):
    files = {f"x/{n}.png": encoded(picture(n, 8, 8)) for n in range(9)}
    write_tar(tmp_path / "a.tar", files | {"x/bad.png": b"nothing"})
    with pytest.raises(SourceError, match=r"1 pictures cannot be decoded.*x/bad\.png"):
        build(tmp_path, tmp_path / "cache")


def test_no_pictures_no_folder_and_half_a_tar_are_said_by_name(tmp_path: Path):
    empty = write_tar(tmp_path / "empty.tar", {})
    with pytest.raises(SourceError, match=r"empty\.tar: no pictures"):
        build(empty, tmp_path / "cache")
    with pytest.raises(SourceError, match="no such data folder"):
        sources(tmp_path / "absent")
    whole = shard(tmp_path / "whole.tar", {"x": 3}).read_bytes()
    (tmp_path / "half.tar").write_bytes(whole[: len(whole) // 3])
    with pytest.raises(SourceError, match=r"half\.tar: not a whole tar"):
        list(members(tmp_path / "half.tar"))


def _entries(**sets: int) -> list[CachedPicture]:
    return [
        CachedPicture(f"{s}/{n}", s, 0, 1, 1) for s, count in sets.items() for n in range(count)
    ]


def test_the_validation_split_is_the_same_whatever_the_order():
    entries = _entries(large=400, small=100, tiny=2)
    training, validation = split(entries, 60)
    assert not set(training) & set(validation)
    assert len(training) + len(validation) == len(entries)
    chosen = Counter(entries[index].set_name for index in validation)
    assert chosen["large"] > chosen["small"] > 10 and chosen["tiny"] == 0
    backwards = entries[::-1]
    names = {entries[index].name for index in validation}
    assert {backwards[index].name for index in split(backwards, 60)[1]} == names


def test_sets_are_drawn_by_their_power_and_weight():
    class Fake:
        entries = _entries(large=900, small=100)

    sampler = PictureSampler(Fake(), range(1000), seed=3, power=0.5, weights={"small": 2.0})  # type: ignore[arg-type]
    drawn = Counter(Fake.entries[sampler(position)[0]].set_name for position in range(4000))
    assert drawn["small"] / 4000 == pytest.approx(2 * 10 / (30 + 2 * 10), abs=0.03)


def test_a_random_subset_is_the_seeds_and_of_wanted_pictures_alone():
    indices = list(range(100, 200))
    some, unwanted = choose_pictures(indices, 20, 7, lambda index: index % 4 > 0)
    assert len(some) == 20 == len(set(some)) and some == sorted(some)
    assert all(index % 4 for index in some) and 0 < unwanted < 25
    assert choose_pictures(indices, 20, 7, lambda index: index % 4 > 0)[0] == some
    assert choose_pictures(indices, 20, 8, lambda index: index % 4 > 0)[0] != some
    assert set(some) < set(choose_pictures(indices, 30, 7, lambda index: index % 4 > 0)[0])
    assert choose_pictures(indices, 0, 7, lambda index: index % 4 > 0) == (
        [index for index in indices if index % 4],
        25,
    )


def test_gray_and_sepia_have_no_colour_and_photographs_have():
    gray = np.repeat(picture(1)[..., :1], 3, axis=2)
    sepia = (gray * np.array([1.0, 0.98, 0.95])).astype(np.uint8)
    assert not has_colour(gray, 8.0) and not has_colour(sepia, 8.0)
    assert has_colour(picture(1), 8.0)


def test_the_nth_batch_depends_on_the_seed_and_n_alone(tmp_path: Path):
    shard(tmp_path / "a.tar", {"cats": 5, "dogs": 5})
    pictures = build(tmp_path, tmp_path / "cache")
    sizes = [(32, 2), (48, 3)]

    def stream(seed: int, step: int):
        sampler = PictureSampler(pictures, range(10), seed=seed)
        return batches(BatchPlan(pictures, sampler, sizes, Augment(), seed), step=step)

    whole = stream(1, 0)
    first = [next(whole) for _ in range(6)]
    late = next(stream(1, 4))
    assert torch.equal(first[4].lightness, late.lightness)
    assert torch.equal(first[4].hints, late.hints)
    assert {len(batch) for batch in first} == {2, 3}
    assert any(
        a.chroma.shape != b.chroma.shape or not torch.equal(a.chroma, b.chroma)
        for a, b in zip(first, stream(2, 0), strict=False)
    )


def test_without_augmentation_a_batch_is_the_pictures_in_lab(tmp_path: Path):
    shard(tmp_path / "a.tar", {"cats": 1})
    pictures = build(tmp_path, tmp_path / "cache")
    batch = next(
        batches(BatchPlan(pictures, PictureSampler(pictures, [0], seed=1), [(48, 2)], PLAIN, 1))
    )
    assert batch.lightness.shape == (2, 1, 48, 48) and batch.chroma.shape == (2, 2, 48, 48)
    assert batch.lightness.min() >= 0 and batch.lightness.max() <= 100.1
    assert not batch.hints.any()


def test_crops_are_of_the_size_asked_for_and_mirrored_half_the_time():
    random = np.random.default_rng(1)
    mirror = Augment(crop=(1.0, 1.0), aspect=1.0, flip=0.5)
    square = picture(3, 40, 40)
    crops = [crop(square, 40, mirror, random) for _ in range(60)]
    same = sum(np.array_equal(each, square) for each in crops)
    mirrored = sum(np.array_equal(each, square[:, ::-1]) for each in crops)
    assert same + mirrored == 60 and 15 < same < 45


def test_crops_of_resident_pictures_are_those_that_a_processor_cuts(tmp_path: Path):
    shard(tmp_path / "a.tar", {"cats": 4})
    pictures = build(tmp_path, tmp_path / "cache")
    plan = BatchPlan(pictures, PictureSampler(pictures, range(4), seed=1), [(24, 8)], Augment(), 1)
    here = plan.crops(0).float()
    there = plan.gpu_crops(0, GpuPictures(pictures, "cpu")).float()
    # bicubic with a wide kernel against the mean of bilinear points: alike, not equal
    assert (here - there).abs().mean() < 3
    mirrored = GpuPictures(pictures, "cpu").crops(
        [1, 1], [Box(2, 3, 20, 20, False), Box(2, 3, 20, 20, True)], 20
    )
    assert torch.equal(mirrored[0], mirrored[1].flip(1))
    assert np.array_equal(mirrored[0].numpy(), pictures.picture(1)[3:23, 2:22])


def test_the_old_look_changes_the_lightness_and_keeps_its_range():
    rgb = torch.from_numpy(np.stack([picture(4)] * 20)).permute(0, 3, 1, 2) / 255
    lightness = rgb.mean(1, keepdim=True) * 100
    settings = Augment(orthochromatic=0.5, halation=0.5, border=0.5, damage=0.5)
    old, border = old_film(rgb, lightness, settings, RandomNumbers(1, 20))
    assert old.shape == lightness.shape and old.dtype == torch.float32
    assert old.min() >= 0 and old.max() <= 100
    assert ((old - lightness).abs().amax((1, 2, 3)) > 1).all()
    assert set(border.unique().tolist()) == {0.0, 1.0}
    assert 3 < int(border.amax((1, 2, 3)).sum()) < 17  # half of the pictures have one


def test_each_picture_of_a_batch_has_an_old_look_of_its_own():
    rgb = torch.from_numpy(np.stack([picture(4)] * 8)).permute(0, 3, 1, 2) / 255
    old, _ = old_film(rgb, rgb.mean(1, keepdim=True) * 100, Augment(), RandomNumbers(1, 8))
    assert len({tuple(each.flatten().tolist()) for each in old}) == 8


def test_a_border_hides_the_colours_of_the_truth_too(tmp_path: Path):
    shard(tmp_path / "a.tar", {"cats": 4})
    pictures = build(tmp_path, tmp_path / "cache")
    settings = Augment(old_film=1.0, border=1.0, hints=0.0)
    batch = next(
        batches(
            BatchPlan(pictures, PictureSampler(pictures, range(4), seed=1), [(64, 8)], settings, 1)
        )
    )
    rim = batch.chroma.abs().sum(1) == 0
    assert rim.any((1, 2)).sum() >= 6  # a border narrower than a pixel hides nothing
    assert 0.01 < rim.float().mean() < 0.4


def test_a_red_dress_is_dark_on_orthochromatic_film():
    red = torch.tensor([0.8, 0.1, 0.1]).view(1, 3, 1, 1).expand(20, 3, 16, 16)
    lightness = torch.full((20, 1, 16, 16), 40.0)
    red_tone, blue_tone = (
        old_film(rgb, lightness, Augment(orthochromatic=1.0), RandomNumbers(1, 20))[0].mean(
            (1, 2, 3)
        )
        for rgb in (red, red.flip(1))
    )
    assert int((red_tone < blue_tone).sum()) >= 18


def test_hints_are_the_true_mean_colour_where_the_mask_is_one_and_zero_elsewhere():
    chroma = torch.randn(60, 2, 40, 40) * 20
    hints = draw_hints(chroma, Augment(), RandomNumbers(1, 60))
    mask = hints[:, 2:] == 1
    assert torch.equal(hints[:, 2:], mask.float())
    assert not (hints[:, :2] * ~mask).any()
    assert hints[:, :2].abs().max() <= chroma.abs().max()
    assert 15 < int((~mask.any((1, 2, 3))).sum()) < 45  # half of the pictures have none
    flat = draw_hints(torch.full((4, 2, 40, 40), 7.0), Augment(hints=1.0), RandomNumbers(1, 4))
    torch.testing.assert_close(flat[:, :2], flat[:, 2:].expand(-1, 2, -1, -1) * 7)
