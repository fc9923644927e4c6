"""Reads CIFAR-10's files: `data_batch_1.bin` ... (binary) and `data_batch_1` ... (Python).

Source: Krizhevsky 2009. A file has 10,000 pictures of 32 x 32: the binary kind has records of one
label and 1,024 bytes each of red, green, blue; the Python kind is a pickle of a dictionary with the
same bytes as an array. Both are also read inside their tar.gz. The test batch is not read.
"""

import io
import pickle
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from core.errors import SourceError

SIDE = 32
CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
_RECORD = 1 + 3 * SIDE * SIDE
_TRAINING = re.compile(r"data_batch_[1-5](\.bin)?")


def is_batch(name: str) -> bool:
    """Returns whether a file of this name (no folders) is a training batch."""
    return _TRAINING.fullmatch(name) is not None


def pictures(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yields (`CLASS/BATCH-NNNNN.ppm`, encoded picture) of a batch.

    Raises `SourceError` for a file that is not a CIFAR-10 batch.
    """
    labels, planes = _binary(name, data) if name.endswith(".bin") else _python(name, data)
    batch = name.removesuffix(".bin")
    for index, (label, plane) in enumerate(zip(labels, planes, strict=True)):
        pixels = plane.reshape(3, SIDE, SIDE).transpose(1, 2, 0).tobytes()
        # A PPM is a header and the samples, so that nothing is encoded or lost.
        yield f"{CLASSES[label]}/{batch}-{index:05}.ppm", b"P6 %d %d 255\n" % (SIDE, SIDE) + pixels


def _binary(name: str, data: bytes) -> tuple[np.ndarray, np.ndarray]:
    if not data or len(data) % _RECORD:
        raise SourceError(
            f"no CIFAR-10 batch: {len(data)} bytes are no whole records of {_RECORD}", file=name
        )
    records = np.frombuffer(data, np.uint8).reshape(-1, _RECORD)
    return _checked(name, records[:, 0], records[:, 1:])


def _python(name: str, data: bytes) -> tuple[np.ndarray, np.ndarray]:
    try:
        table: dict[bytes, Any] = _ArraysOnly(io.BytesIO(data), encoding="bytes").load()
        labels, planes = np.asarray(table[b"labels"]), np.asarray(table[b"data"])
    except Exception as error:  # whatever unpickling foreign bytes may raise
        raise SourceError(f"no CIFAR-10 batch ({error})", file=name) from error
    if planes.dtype != np.uint8 or planes.shape != (len(labels), _RECORD - 1):
        raise SourceError(f"no CIFAR-10 batch: its data are {planes.shape}", file=name)
    return _checked(name, labels, planes)


def _checked(name: str, labels: np.ndarray, planes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(CLASSES):
        raise SourceError(f"no CIFAR-10 batch: a label is {labels.max()}", file=name)
    return labels, planes


class _ArraysOnly(pickle.Unpickler):
    """Unpickles numpy arrays and nothing else: a pickle could otherwise run any program."""

    ALLOWED = frozenset(
        {
            ("_reconstruct", "multiarray"),
            ("ndarray", "numpy"),
            ("dtype", "numpy"),
            ("encode", "_codecs"),
            ("scalar", "multiarray"),
        }
    )

    def find_class(self, module: str, name: str) -> Any:
        if (name, module.rsplit(".", 1)[-1]) not in self.ALLOWED:
            raise pickle.UnpicklingError(f"asks for {module}.{name}")
        return super().find_class(module, name)
