"""Data sets in their published layouts, a hundred pictures each: trained on by the command."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from tests.train.pictures import picture
from train import commands
from train.data.cifar import CLASSES

RECIPE = """
[network]
name = "compact_cnn"
[[loss]]
name = "mse"
[data]
validation = 10
[augment]
hints = 0.0
[train]
sizes = [[32, 8]]
log_every = 1
steps = 2
"""


def write_picture(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(seed)).save(path, "JPEG", quality=95)


def imagenet(root: Path) -> None:
    """ILSVRC2012 as its archive unpacks: synsets of training, a flat validation, annotations."""
    for index in range(100):
        synset = f"n{1440764 + index % 10:08}"
        write_picture(
            root / f"ILSVRC/Data/CLS-LOC/train/{synset}/{synset}_{index}.JPEG", seed=index
        )
    for index in range(4):
        name = f"ILSVRC2012_val_{index:08}.JPEG"
        write_picture(root / "ILSVRC/Data/CLS-LOC/val" / name, seed=200 + index)
    (root / "ILSVRC/ImageSets").mkdir()
    (root / "ILSVRC/ImageSets/train_cls.txt").write_text("n01440764/n01440764_0 1\n")


def places(root: Path) -> None:
    """Places365-Standard, small pictures: classes by first letter, validation and test beside."""
    for index, name in enumerate(["airfield", "beach", "canyon", "zen_garden"] * 25):
        write_picture(root / f"data_256/{name[0]}/{name}/{index:08}.jpg", seed=index)
    write_picture(root / "val_256/Places365_val_00000001.jpg", seed=200)
    write_picture(root / "test_256/Places365_test_00000001.jpg", seed=201)
    (root / "places365_train_standard.txt").write_text("/a/airfield/00000001.jpg 0\n")


def planes(seeds: range) -> np.ndarray:
    """uint8 N,3072: red, green, blue of pictures of 32 x 32."""
    return np.stack([picture(seed, 32, 32).transpose(2, 0, 1).ravel() for seed in seeds])


def cifar_binary(root: Path) -> None:
    """cifar-10-batches-bin: five training batches, one of test."""
    for batch in range(5):
        labels = np.arange(20, dtype=np.uint8) % 10
        records = np.column_stack((labels, planes(range(20 * batch, 20 * batch + 20))))
        for name in (f"data_batch_{batch + 1}.bin", "test_batch.bin"):
            (root / name).write_bytes(records.tobytes())
    (root / "batches.meta.txt").write_text("\n".join(CLASSES))


def cifar_python(root: Path) -> None:
    """cifar-10-batches-py: the same as pickles."""
    for batch in range(5):
        content = {
            b"batch_label": b"training batch %d of 5" % (batch + 1),
            b"labels": [index % 10 for index in range(20)],
            b"data": planes(range(20 * batch, 20 * batch + 20)),
            b"filenames": [b"some_s_%06d.png" % index for index in range(20)],
        }
        for name in (f"data_batch_{batch + 1}", "test_batch"):
            (root / name).write_bytes(pickle.dumps(content, 2))
    (root / "batches.meta").write_bytes(pickle.dumps({b"label_names": list(CLASSES)}, 2))


@pytest.mark.parametrize(
    ("lay_out", "set_name"),
    [
        (imagenet, "imagenet"),
        (places, "places365"),
        (cifar_binary, "cifar10"),
        (cifar_python, "cifar10"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_hundred_pictures_are_found_and_learnt_from(
    tmp_path: Path, lay_out: Callable[[Path], None], set_name: str
):
    (tmp_path / "data").mkdir()
    lay_out(tmp_path / "data")
    (tmp_path / "recipe.toml").write_text(RECIPE)
    given = [tmp_path / "recipe.toml", "--data", tmp_path / "data", "--out", tmp_path / "run"]
    given += ["--cache", tmp_path / "cache"]
    result = CliRunner().invoke(commands.train, list(map(str, given)), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "90 pictures to train on, 0 without colours, 10 to validate, 0 damaged" in result.output
    (index,) = (tmp_path / "cache").glob("*/index.json")
    entries = json.loads(index.read_text())["entries"]
    assert len(entries) == 100 and {entry[1] for entry in entries} == {set_name}
    losses = [json.loads(row) for row in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    assert sum("loss" in row for row in losses) == 2
