"""Reads a model file's metadata without its weights.

A session of a large model takes seconds and gigabytes to open; a list of models needs a few hundred
bytes of the file. An ONNX file is one protobuf message, in which every field states its length, so
that weights and nodes can be skipped. Wire format:
https://protobuf.dev/programming-guides/encoding/; field numbers: `onnx.proto`.
"""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final

from core.errors import ModelError
from core.model.contract import ModelDescription, Tensor

#: Fields of onnx.ModelProto, GraphProto, ValueInfoProto, TypeProto, its Tensor, Dimension, entry.
_GRAPH, _METADATA = 7, 14
_INPUT, _OUTPUT = 11, 12
_NAME, _TYPE = 1, 2
_TENSOR: Final = 1
_ELEMENT, _SHAPE = 1, 2
_DIMENSION: Final = 1
_SIZE, _SYMBOL = 1, 2
_KEY, _VALUE = 1, 2
_ELEMENTS: Final = {1: "float32", 10: "float16"}
#: Most bytes of one description (of an input, an output or a metadata entry), which is text: a
#: longer one is a sign of damage.
_LONGEST: Final = 16_000_000


def description_of(path: Path) -> ModelDescription:
    """Returns the description in a model file; raises `ModelError` where it breaks the contract.

    It does not check whether the weights are complete or the graph runs.
    """
    inputs: dict[str, Tensor] = {}
    outputs: dict[str, Tensor] = {}
    metadata: dict[str, str] = {}
    try:
        with path.open("rb") as file:
            for field, end in _fields(file, path.stat().st_size):
                if field == _METADATA:
                    entry = _message(_read(file, end))
                    metadata[_text(entry, _KEY)] = _text(entry, _VALUE)
                elif field == _GRAPH:
                    for part, stop in _fields(file, end):
                        if part in (_INPUT, _OUTPUT):
                            name, tensor = _tensor(_read(file, stop))
                            (inputs if part == _INPUT else outputs)[name] = tensor
    except OSError as error:
        raise ModelError(f"cannot be read ({error.strerror})", file=path) from error
    except (ValueError, IndexError) as error:
        raise ModelError(
            "cannot be loaded as a model: it is damaged, or no ONNX file",
            file=path,
            remedy="copy or export the file again",
        ) from error
    return ModelDescription.read(inputs, outputs, metadata, path)


def _fields(file: BinaryIO, end: int) -> Iterator[tuple[int, int]]:
    """Yields the number of each field that has a length, and the offset of its end.

    The file is then positioned at the field's content, which the consumer may read or not. Fields
    without a length (numbers) are skipped.
    """
    while file.tell() < end:
        key = _whole(file)
        field, kind = key >> 3, key & 7
        if kind == 0:
            _whole(file)
            continue
        if kind != 2:  # ModelProto and GraphProto have only numbers and fields with a length
            raise ValueError(f"wire type {kind}")
        stop = _whole(file) + file.tell()
        if not field or stop > end:
            raise ValueError("a field beyond its message")
        yield field, stop
        file.seek(stop)


def _whole(file: BinaryIO) -> int:
    """Reads a variable-length integer: seven bits a byte, the least significant first."""
    value = 0
    for shift in range(0, 64, 7):
        byte = file.read(1)[0]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value
    raise ValueError("a number without an end")


def _read(file: BinaryIO, end: int) -> bytes:
    size = end - file.tell()
    if size > _LONGEST:
        raise ValueError("a description of megabytes")
    return file.read(size)


def _message(content: bytes) -> dict[int, list[bytes | int]]:
    """Returns the fields of a small message: bytes, or numbers."""
    found: dict[int, list[bytes | int]] = {}
    file = BytesIO(content)
    while file.tell() < len(content):
        key = _whole(file)
        if key & 7 == 0:
            value: bytes | int = _whole(file)
        elif key & 7 == 2:
            size = _whole(file)
            value = file.read(size)
            if len(value) != size:
                raise ValueError("a field beyond its message")
        else:
            raise ValueError(f"wire type {key & 7}")
        found.setdefault(key >> 3, []).append(value)
    return found


def _text(message: dict[int, list[bytes | int]], field: int) -> str:
    """Returns a text field of the message, or ""; protobuf lets the last of several count."""
    content = message.get(field, [b""])[-1]
    if isinstance(content, int):
        raise ValueError("a number instead of text")
    return content.decode("utf-8")


def _part(message: dict[int, list[bytes | int]], field: int) -> dict[int, list[bytes | int]]:
    content = message.get(field, [b""])[-1]
    if isinstance(content, int):
        raise ValueError("a number instead of a message")
    return _message(content)


def _tensor(content: bytes) -> tuple[str, Tensor]:
    """Returns the name of an onnx.ValueInfoProto, and its element type and shape."""
    value = _message(content)
    tensor = _part(_part(value, _TYPE), _TENSOR)
    element = tensor.get(_ELEMENT, [0])[-1]
    shape: list[int | str | None] = []
    for dimension in _part(tensor, _SHAPE).get(_DIMENSION, []):
        if isinstance(dimension, int):
            raise ValueError("a number instead of a dimension")
        size = _message(dimension)
        if _SIZE in size:
            number = size[_SIZE][-1]
            shape.append(number if isinstance(number, int) else None)
        else:
            shape.append(_text(size, _SYMBOL) or None)
    kind = _ELEMENTS.get(element, str(element)) if isinstance(element, int) else "?"
    return _text(value, _NAME), Tensor(kind, tuple(shape))
