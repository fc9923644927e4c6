"""Recognises the folders of data sets as their authors publish them: ImageNet, Places365, COCO.

`recognise` returns the layout of such a folder, so that training uses the training pictures alone
and they count as one set; a thousand class folders would otherwise be a thousand sets. In any other
folder the subfolders are the sets.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class DatasetLayout:
    """`name` is the set's; `trains_on` the folders (globs below the root) of its training part."""

    name: str
    trains_on: tuple[str, ...]
    is_it: Callable[[Path], bool]

    def folders(self, root: Path) -> list[Path]:
        """Returns the folders of the training part that are there."""
        return sorted(path for glob in self.trains_on for path in root.glob(glob) if path.is_dir())


def recognise(root: Path) -> DatasetLayout | None:
    """Returns the layout of the folder `root`, or None."""
    return next((layout for layout in LAYOUTS if layout.is_it(root)), None)


def _some(folder: Path, pattern: str) -> bool:
    """Returns whether the whole name of any subfolder matches."""
    if not folder.is_dir():
        return False
    return any(re.fullmatch(pattern, path.name) and path.is_dir() for path in folder.iterdir())


#: A WordNet id, the name of each of ImageNet's classes.
_SYNSET = r"n\d{8}"
#: The name of each folder in which Places365 files its classes: their first letter.
_LETTER = r"[a-z]"

LAYOUTS = (
    DatasetLayout("imagenet", ("train",), lambda root: _some(root / "train", _SYNSET)),
    DatasetLayout(
        "imagenet",
        ("ILSVRC/Data/CLS-LOC/train",),
        lambda root: _some(root / "ILSVRC/Data/CLS-LOC/train", _SYNSET),
    ),
    # The "easy" format has classes in train/, the original by first letter in data_*_standard/.
    DatasetLayout(
        "places365",
        ("data_256", "data_256_standard", "data_large_standard"),
        lambda root: any(
            _some(root / name, _LETTER)
            for name in ("data_256", "data_256_standard", "data_large_standard")
        ),
    ),
    DatasetLayout(
        "places365",
        ("train",),
        lambda root: (root / "train/airfield").is_dir() and (root / "train/zen_garden").is_dir(),
    ),
    DatasetLayout("coco", ("train20??", "unlabeled20??"), lambda root: _some(root, r"train20\d\d")),
    DatasetLayout(
        "coco", ("images/train20??",), lambda root: _some(root / "images", r"train20\d\d")
    ),
)
