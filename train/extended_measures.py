"""Measures of `evaluate` beyond RMSE, PSNR and AuC: structure, colour difference, realism, more.

`ExtendedMeasures` collects them over the pictures that are added. The cheap measures are always
taken, those that need labels or weights when they are requested.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from core.errors import SourceError
from core.learn.bins import published_bins
from core.learn.measures.ciede2000 import ciede2000
from core.learn.measures.frechet import FeatureStatistics, distance
from core.learn.measures.histograms import Rebalanced, Spread
from core.learn.measures.objects import objects_right, segments, spread_within
from core.learn.measures.picture import colourfulness_absolute
from core.learn.measures.ssim import ssim
from train.evaluate import Photograph, rgb_of
from train.segmenter import Segmenter


@dataclass(frozen=True, slots=True)
class RequestedMeasures:
    """The measures that are taken on request.

    `masks`: a folder of label pictures (`NAME.png`, 8 or 16 bits, 0 is no object) for the score of
    objects, or the file of a segmenter (`train.segmenter`); `segments`: score segments where there
    is no mask. `realism`: Fréchet distance and agreement of classes by EfficientNet-Lite0.
    `inception`: a weight file for the FID. `lpips`: weight files of VGG-16 and of LPIPS.
    """

    masks: Path | None = None
    segments: bool = False
    realism: bool = False
    inception: Path | None = None
    lpips: tuple[Path, Path] | None = None


class ExtendedMeasures:
    """Measures over the pictures that are added; `result` has a key for each measure."""

    def __init__(self, requested: RequestedMeasures = RequestedMeasures()) -> None:
        self._requested = requested
        self._rows: list[dict[str, float]] = []
        self._spread, self._rebalanced = Spread(), Rebalanced(published_bins())
        self._objects = {"objects": [0, 0], "segments": [0, 0]}
        self._within: list[tuple[float, float]] = []  # of a picture: ours, the truth's
        self._segmenter: Segmenter | None = None
        if requested.masks and requested.masks.suffix.lower() == ".onnx":
            self._segmenter = Segmenter(requested.masks)
        self._networks: list[_Realism | _Fid | _Lpips] = []
        if requested.realism:
            self._networks.append(_Realism())
        if requested.inception:
            self._networks.append(_Fid(requested.inception))
        if requested.lpips:
            self._networks.append(_Lpips(*requested.lpips))

    def add(self, photograph: Photograph, predicted: np.ndarray) -> None:
        """Adds a picture; `predicted` is the model's a*, b* (2,H,W)."""
        truth, lightness = photograph.chroma, photograph.lightness
        coloured, true = rgb_of(lightness, predicted), photograph.rgb
        first, second = (np.stack((lightness, *ab), -1) for ab in (predicted, truth))
        difference = ciede2000(first, second)
        row = {
            "ssim": ssim(coloured / 255, true / 255),
            "ciede2000": float(difference.mean()),
            "ciede2000_p90": float(np.percentile(difference, 90)),
            "colourfulness_absolute": colourfulness_absolute(coloured / 255),
            "colourfulness_absolute_truth": colourfulness_absolute(true / 255),
        }
        self._spread.add(predicted, truth)
        self._rebalanced.add(predicted, truth)
        self._count_objects(photograph, predicted)
        if self._networks:
            shown = [_tensor(codes) for codes in (coloured, true, rgb_of(lightness, 0 * truth))]
            with torch.inference_mode():
                for network in self._networks:
                    row |= network.add(*shown)
        self._rows.append(row)

    def result(self) -> dict[str, Any]:
        """Returns means over pictures, measures over all pixels, and the requested measures."""
        mean = {
            name: float(np.nanmean([row[name] for row in self._rows])) for name in self._rows[0]
        }
        truth = mean.pop("colourfulness_absolute_truth")
        mean["colourfulness_absolute_ratio"] = (
            mean.pop("colourfulness_absolute") / truth if truth else float("nan")
        )
        pooled = {"auc_rebalanced": self._rebalanced.auc(), **self._spread.distances()}
        result: dict[str, Any] = mean | pooled
        for kind, (right, count) in self._objects.items():
            if count:
                result[f"{kind}_right"], result[kind] = right / count, count
        if self._within:
            ours, truth = np.nanmean(self._within, 0)
            result["spread_within_ratio"] = float(ours / truth) if truth else float("nan")
        for network in self._networks:
            result |= network.result()
        return result

    def histograms(self) -> dict[str, Any]:
        """Returns counts of whole units of a* and b*, from -128 to 127, predicted and true."""
        return {"ours": self._spread.predicted.tolist(), "truth": self._spread.truth.tolist()}

    def _count_objects(self, photograph: Photograph, predicted: np.ndarray) -> None:
        labels, kind = None, "objects"
        if self._segmenter:
            labels = self._segmenter.things(photograph.rgb)
        elif self._requested.masks:
            labels = mask_of(photograph, self._requested.masks)
        if labels is None and self._requested.segments:
            labels, kind = segments(photograph.lightness, photograph.chroma), "segments"
        if labels is not None:
            right, count = objects_right(predicted, photograph.chroma, labels)
            self._objects[kind][0] += right
            self._objects[kind][1] += count
            self._within.append(
                (spread_within(predicted, labels), spread_within(photograph.chroma, labels))
            )


def mask_of(photograph: Photograph, masks: Path) -> np.ndarray | None:
    """Returns the labels H,W of a picture: `SET/NAME.png` or `NAME.png` in `masks`, or None.

    Raises `SourceError` where they have another size than the picture.
    """
    name = Path(photograph.name).with_suffix(".png")
    path = next((p for p in (masks / name, masks / name.name) if p.is_file()), None)
    if path is None:
        return None
    labels = np.asarray(Image.open(path))
    if labels.shape != photograph.lightness.shape:
        raise SourceError(
            f"the mask is {labels.shape}, its picture {photograph.lightness.shape}",
            file=path,
            remedy="give one label a pixel",
        )
    return labels


def _tensor(codes: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(codes)).movedim(-1, 0)[None].float() / 255


class _Realism:
    """Fréchet distance of coloured pictures to true ones, and how often a classifier agrees."""

    def __init__(self) -> None:
        from core.learn.backbones.efficientnet_lite import FEATURES, pretrained_lite0

        self._net = pretrained_lite0()
        self._predicted, self._truth, self._gray = (FeatureStatistics(FEATURES) for _ in range(3))
        self._agreed = 0

    def add(self, predicted: Tensor, truth: Tensor, gray: Tensor) -> dict[str, float]:
        from core.learn.backbones.efficientnet_lite import squared

        shown = torch.cat([squared(picture) for picture in (predicted, truth, gray)])
        features = self._net.features(shown)
        first, second = self._net.classify(features[:2]).argmax(1).tolist()
        self._agreed += first == second
        for statistics, row in zip(
            (self._predicted, self._truth, self._gray), features, strict=True
        ):
            statistics.add(row[None].numpy())
        return {}

    def result(self) -> dict[str, float]:
        predicted, gray = (distance(each, self._truth) for each in (self._predicted, self._gray))
        return {
            "frechet_lite0": predicted,
            "frechet_lite0_gray": gray,
            # only this ratio can be compared between sets of pictures
            "frechet_ratio": predicted / gray if gray else float("nan"),
            "semantic_agreement": self._agreed / self._predicted.count,
            "realism_pictures": self._predicted.count,
        }


class _Fid:
    def __init__(self, path: Path) -> None:
        from core.learn.backbones.inception_v3 import FEATURES, from_file

        self._net = from_file(str(path))
        self._predicted, self._truth = FeatureStatistics(FEATURES), FeatureStatistics(FEATURES)

    def add(self, predicted: Tensor, truth: Tensor, gray: Tensor) -> dict[str, float]:
        self._predicted.add(self._net.features(predicted).numpy())
        self._truth.add(self._net.features(truth).numpy())
        return {}

    def result(self) -> dict[str, float]:
        return {
            "fid": distance(self._predicted, self._truth),
            "fid_pictures": self._predicted.count,
        }


class _Lpips:
    def __init__(self, vgg: Path, lines: Path) -> None:
        from core.learn.measures.lpips import from_files

        self._net = from_files(str(vgg), str(lines))

    def add(self, predicted: Tensor, truth: Tensor, gray: Tensor) -> dict[str, float]:
        return {"lpips": float(self._net(predicted, truth))}

    def result(self) -> dict[str, float]:
        return {}
