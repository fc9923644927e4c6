"""Finds models: the bundled ones in the package, the user's own in the user's data folder.

`resolve` turns a name or path that a user typed into a file; `installed`, `import_model` and
`remove` serve `photochrom models`. A newer bundled model is one file in `bundled/`.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import platformdirs

from core.errors import DestinationError, ModelError, nearest
from core.model.header import description_of
from core.model.session import open_session
from core.paths import Paths

BUNDLED: Final = Path(__file__).parent / "bundled"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """An installed model: `name` is the file's stem; bundled models cannot be removed."""

    name: str
    path: Path
    bundled: bool


def user_folder() -> Path:
    """Returns the folder of the user's own models; `PHOTOCHROM_MODELS` overrides it."""
    return Path(
        os.environ.get("PHOTOCHROM_MODELS")
        or platformdirs.user_data_path("photochrom", appauthor=False) / "models"
    )


def installed() -> Iterator[ModelFile]:
    """Yields all models by name, bundled first; a user's model of a bundled name is not listed."""
    names = set()
    for folder, bundled in ((BUNDLED, True), (user_folder(), False)):
        for path in sorted(folder.glob("*.onnx")):
            if path.stem not in names:
                names.add(path.stem)
                yield ModelFile(path.stem, path, bundled)


def resolve(model: str) -> Path:
    """Returns the file of a model given by name, or by a path that ends in .onnx."""
    names = {found.name: found.path for found in installed()}
    if model in names:
        return names[model]
    path = Path(model)
    with contextlib.suppress(RuntimeError):  # ~nobody
        path = path.expanduser()
    if path.suffix == ".onnx" or len(path.parts) > 1:
        if path.is_file():
            return path
        raise ModelError("no such model file", file=path, remedy="see `photochrom models list`")
    raise ModelError(f"unknown model {model!r}", remedy=nearest(model, list(names)))


def file_of(model: str) -> Path | None:
    """Returns the file of a model as `resolve` finds it; None where there is none."""
    try:
        return resolve(model)
    except ModelError:
        return None


def import_model(source: Path, *, opened: bool = False) -> ModelFile:
    """Checks the file against contract 1 and copies it into the user's folder under its name.

    `opened`: the caller has run the model already, so that it is not opened again: opening a large
    one takes gigabytes. Raises `ModelError` for a file that breaks the contract or has an unusable
    name, `DestinationError` where the copy cannot be written.
    """
    if not source.is_file():
        raise ModelError("no such model file", file=source)
    description = description_of(source) if opened else open_session(source, "cpu").description
    name = description.name
    if not name.replace("-", "").replace("_", "").replace(".", "").isalnum() or name[0] == ".":
        raise ModelError(f"the model's name {name!r} cannot be a file's name", file=source)
    if any(found.name == name and found.bundled for found in installed()):
        raise ModelError(f"a bundled model is called {name!r} already", file=source)
    target = user_folder() / f"{name}.onnx"
    paths = Paths()
    paths.read(source, "FILE")
    paths.write(target, "your own model of that name")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".import-") as folder:
            copy = Path(folder) / target.name
            shutil.copyfile(source, copy)
            with copy.open("rb") as file:
                os.fsync(file.fileno())
            copy.replace(target)
    except OSError as error:
        raise DestinationError(f"cannot be written ({error.strerror})", file=target) from error
    return ModelFile(name, target, bundled=False)


def remove(name: str) -> ModelFile:
    """Removes one of the user's models; raises `ModelError` for a bundled or an unknown one."""
    for found in installed():
        if found.name == name:
            if found.bundled:
                raise ModelError(f"{name} is part of the program and stays", file=found.path)
            try:
                found.path.unlink()
            except OSError as error:
                raise DestinationError(
                    f"cannot be removed ({error.strerror})", file=found.path
                ) from error
            return found
    raise ModelError(f"unknown model {name!r}", remedy=nearest(name, [m.name for m in installed()]))
