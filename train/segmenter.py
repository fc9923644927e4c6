"""Labels the objects in a picture with a segmenter that the user gives, an ONNX file:

| tensor | type and shape | meaning |
| --- | --- | --- |
| in `image` | float32 1,3,H,W | the true picture, sRGB 0..1; H and W free, or fixed in the file |
| out `labels` | whole numbers 1,H,W or 1,1,H,W | a label for each pixel, 0 for none |

Normalisation, and the choice of the likeliest class, are inside the graph. Where H and W are fixed,
the picture is resized to them, and the labels are resized back. Labels may be classes: each
connected patch of one label is an object, unless it is smaller than `LEAST_SHARE`.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from core.errors import ModelError
from core.learn.export import open_file

IMAGE, LABELS = "image", "labels"
#: Patches that are a smaller share of the picture than this are not objects.
LEAST_SHARE = 0.001


class Segmenter:
    """A segmenter in an ONNX file; raises `ModelError` where the file is not one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._session = open_file(path)
        except Exception as error:  # ONNX Runtime's own, undeclared types
            raise ModelError(f"cannot be opened ({error})", file=path) from error
        inputs = {tensor.name: tensor for tensor in self._session.get_inputs()}
        outputs = {tensor.name for tensor in self._session.get_outputs()}
        for name, names in ((IMAGE, set(inputs)), (LABELS, outputs)):
            if name not in names:
                raise ModelError(
                    f"is no segmenter: it has no tensor {name!r}, but {', '.join(sorted(names))}",
                    file=path,
                    remedy="rename it: photochrom evaluate takes `image` in and `labels` out",
                )
        sizes = inputs[IMAGE].shape[2:]
        self._fixed = tuple(sizes) if all(isinstance(size, int) for size in sizes) else None

    def things(self, rgb: np.ndarray) -> np.ndarray:
        """Returns labels H,W of the objects in a picture (uint8 sRGB H,W,3): from 1, 0 for none."""
        from skimage.measure import label

        patches = np.asarray(label(self._labels(rgb), background=0, connectivity=1))
        sizes = np.bincount(patches.ravel())
        patches[sizes[patches] < LEAST_SHARE * patches.size] = 0
        return patches

    def _labels(self, rgb: np.ndarray) -> np.ndarray:
        height, width = rgb.shape[:2]
        shown = rgb
        if self._fixed:
            size = (self._fixed[1], self._fixed[0])
            shown = np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BICUBIC))
        planes = np.moveaxis(shown.astype(np.float32) / 255, -1, 0)[None]
        try:
            answer = self._session.run([LABELS], {IMAGE: np.ascontiguousarray(planes)})[0]
        except Exception as error:  # ONNX Runtime's own, undeclared types
            raise ModelError(f"cannot be asked ({error})", file=self._path) from error
        labels = np.asarray(answer)
        shape = labels.shape[2:] if labels.ndim == 4 else labels.shape[1:]
        if shape != shown.shape[:2] or not np.issubdtype(labels.dtype, np.integer):
            raise ModelError(
                f"answers with {labels.dtype} {labels.shape} to a picture of {shown.shape[:2]}",
                file=self._path,
                remedy="let it answer with a whole number for each pixel",
            )
        labels = labels.reshape(shape).astype(np.int32)
        if self._fixed:
            image = Image.fromarray(labels)
            labels = np.asarray(image.resize((width, height), Image.Resampling.NEAREST))
        return labels
