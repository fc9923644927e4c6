"""The folders and files that people already have, as their authors laid them out."""

import io
import os
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest

from core.errors import SourceError
from tests.photographs import save
from train.data.cache import decode
from train.data.cifar import CLASSES
from train.data.shards import members


def listed(root: Path) -> dict[str, str]:
    """name -> set of all members."""
    return {member.name: member.set_name for member in members(root)}


def test_imagenet_gives_its_training_part_as_one_set(tmp_path: Path):
    save(tmp_path / "train/n01440764/n01440764_18.JPEG", format="JPEG")
    save(tmp_path / "train/n02102040/n02102040_7.JPEG", format="JPEG")
    save(tmp_path / "val/ILSVRC2012_val_00000001.JPEG", format="JPEG")
    assert listed(tmp_path) == {
        "train/n01440764/n01440764_18.JPEG": "imagenet",
        "train/n02102040/n02102040_7.JPEG": "imagenet",
    }


@pytest.mark.parametrize(
    "name", ["data_256/a/airfield/00000001.jpg", "data_large_standard/z/zoo/00000001.jpg"]
)
def test_places365_by_first_letters(tmp_path: Path, name: str):
    save(tmp_path / name)
    save(tmp_path / "val_256/Places365_val_00000001.jpg")
    assert listed(tmp_path) == {name: "places365"}


def test_places365_in_its_easy_format(tmp_path: Path):
    for place in ("airfield", "zen_garden"):
        save(tmp_path / f"train/{place}/1.jpg")
    save(tmp_path / "val/airfield/2.jpg")
    assert listed(tmp_path) == {
        "train/airfield/1.jpg": "places365",
        "train/zen_garden/1.jpg": "places365",
    }


@pytest.mark.parametrize("inside", ["", "images/"])
def test_coco_gives_training_and_unlabelled_but_not_validation(tmp_path: Path, inside: str):
    save(tmp_path / f"{inside}train2017/000000000009.jpg")
    save(tmp_path / f"{inside}val2017/000000000139.jpg")
    (tmp_path / "annotations").mkdir()
    assert listed(tmp_path) == {f"{inside}train2017/000000000009.jpg": "coco"}


def test_a_plain_folder_has_its_first_subfolders_as_sets(tmp_path: Path):
    save(tmp_path / "beach/1.jpg")
    save(tmp_path / "city/north/2.png")
    (tmp_path / "city/notes.txt").write_text("no picture")
    assert listed(tmp_path) == {"beach/1.jpg": "beach", "city/north/2.png": "city"}


def cifar(count: int = 3) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    return random.integers(0, 10, count), random.integers(0, 256, (count, 3072), dtype=np.uint8)


def binary(labels: np.ndarray, planes: np.ndarray) -> bytes:
    return np.column_stack((labels.astype(np.uint8), planes)).tobytes()


def python(labels: np.ndarray, planes: np.ndarray) -> bytes:
    """As published: protocol 2 with byte strings for keys."""
    return pickle.dumps({b"labels": labels.tolist(), b"data": planes, b"batch_label": b"1"}, 2)


@pytest.mark.parametrize(
    ("name", "written"), [("data_batch_2.bin", binary), ("data_batch_2", python)]
)
def test_cifar10_binary_and_python_give_the_same_pictures(tmp_path: Path, name: str, written):
    labels, planes = cifar()
    (tmp_path / name).write_bytes(written(labels, planes))
    (tmp_path / name.replace("data_batch_2", "test_batch")).write_bytes(written(labels, planes))
    (tmp_path / "batches.meta.txt").write_text("\n".join(CLASSES))
    found = list(members(tmp_path))
    assert [m.name for m in found] == [
        f"cifar10/{CLASSES[label]}/data_batch_2-{index:05}.ppm"
        for index, label in enumerate(labels)
    ]
    assert {m.set_name for m in found} == {"cifar10"}
    for member, plane in zip(found, planes, strict=True):
        picture = decode(member.data)
        assert np.array_equal(picture, plane.reshape(3, 32, 32).transpose(1, 2, 0))


def test_cifar10_is_read_inside_its_archive(tmp_path: Path):
    with tarfile.open(tmp_path / "cifar-10-binary.tar.gz", "w:gz") as tar:
        content = binary(*cifar(2))
        entry = tarfile.TarInfo("cifar-10-batches-bin/data_batch_1.bin")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    assert len(list(members(tmp_path / "cifar-10-binary.tar.gz"))) == 2


class _Malicious:
    def __reduce__(self):
        return os.mkdir, ("made-by-a-pickle",)


def test_a_pickle_that_asks_for_anything_but_arrays_is_refused(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data_batch_1").write_bytes(pickle.dumps({b"labels": [1], b"data": _Malicious()}))
    with pytest.raises(SourceError, match=r"data_batch_1: no CIFAR-10 batch \(asks for .*mkdir"):
        list(members(tmp_path))
    assert not (tmp_path / "made-by-a-pickle").exists()


def test_a_cut_batch_is_refused(tmp_path: Path):
    (tmp_path / "data_batch_1.bin").write_bytes(binary(*cifar())[:-5])
    with pytest.raises(SourceError, match="no whole records"):
        list(members(tmp_path))
