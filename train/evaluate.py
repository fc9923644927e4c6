"""Measures a model file on colour pictures at their stored size, for `photochrom evaluate`.

The file runs as in the product (`core.model.session`); its input is the lightness of the true
picture, and its chroma is upsampled bicubically. `evaluate` returns measures of the error,
`stability` how far colours move with the size and the crop; `draw_sheet` shows the pictures.
"""

import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from core.coherence import coherent
from core.colour import gamut
from core.colour.lab import lab_to_srgb, srgb_to_lab
from core.errors import HintsError, SourceError
from core.image.atomic import write_file
from core.learn.measures.picture import colourfulness, judge, mean_of_values, one_hue_share, summary
from core.learn.predict import chroma_for
from core.model.session import Session, open_session
from core.paths import SHEET_MARK
from core.reach import hints_in_cells, lightness_in_cells, limited
from train.data.augment_settings import Augment
from train.data.cache import decode
from train.data.old_film import old_film
from train.data.random_numbers import RandomNumbers
from train.data.shards import members, sources

#: Hints for measuring: the side of the cells, and the radius of the disc in the centre of each; px.
HINT_CELL = 64
HINT_RADIUS = 4
#: The damage in `through_old_film`: every kind but borders, under which there is no true colour.
OLD_LOOK = Augment(orthochromatic=0.5, halation=0.2, damage=0.2)
#: A picture with a one-hue share above this counts as a picture of one hue.
ONE_HUE = 0.95


@dataclass(frozen=True, slots=True)
class Photograph:
    """A picture to measure on: `rgb` uint8 sRGB H,W,3, `lightness` L* H,W, `chroma` a*, b* 2,H,W.

    `model_lightness` is the input of the model, where it is not the L* of the picture.
    """

    name: str
    set_name: str
    rgb: np.ndarray
    lightness: np.ndarray
    chroma: np.ndarray
    model_lightness: np.ndarray | None = None

    @classmethod
    def of(cls, name: str, set_name: str, rgb: np.ndarray) -> "Photograph":
        """Returns the photograph of uint8 sRGB H,W,3."""
        lab = srgb_to_lab(rgb / 255).astype(np.float32)
        return cls(name, set_name, rgb, lab[..., 0], np.moveaxis(lab[..., 1:], -1, 0))

    def through_old_film(self, seed: int, look: Augment = OLD_LOOK) -> "Photograph":
        """Returns the picture with the L* of an old photograph as the input of the model.

        The damage is drawn by `old_film.old_film`, with the settings `look`, from seed and name.
        `lightness` stays, so that colours are measured on the true L*.
        """
        rng = RandomNumbers(zlib.crc32(f"{seed} {self.name}".encode()), 1)
        rgb = torch.from_numpy(self.rgb.copy()).permute(2, 0, 1)[None] / 255
        lightness = torch.from_numpy(self.lightness.copy())[None, None]
        old, _ = old_film(rgb, lightness, look, rng)
        return replace(self, model_lightness=old[0, 0].numpy())

    def at_side(self, side: int) -> "Photograph":
        """Returns the picture resized to this short side, in px."""
        scale = side / min(self.rgb.shape[:2])
        height, width = (max(1, round(length * scale)) for length in self.rgb.shape[:2])
        image = Image.fromarray(self.rgb).resize((width, height), Image.Resampling.BICUBIC)
        return Photograph.of(self.name, self.set_name, np.asarray(image))

    def cropped(self, share: float) -> "Photograph":
        """Returns the picture without `share` of its height and width, half of it on each side."""
        return Photograph.of(self.name, self.set_name, self.rgb[self.crop_box(share)])

    def crop_box(self, share: float) -> tuple[slice, slice]:
        """Returns the rows and columns that `cropped` keeps."""
        height, width = self.rgb.shape[:2]
        top, left = round(height * share / 2), round(width * share / 2)
        return slice(top, height - top), slice(left, width - left)


class EvaluatedModel:
    """A model file that predicts the chroma of photographs."""

    def __init__(self, path: Path, device: str = "cpu") -> None:
        self._session: Session = open_session(path, device)
        self.description = self._session.description

    def predict(self, lightness: np.ndarray, hints: np.ndarray | None) -> np.ndarray:
        """Returns the output of the network for one picture; this is a `Predictor`."""
        picture_hints = None if hints is None else hints[0]
        return self._session.predict(lightness[0, 0], picture_hints).chroma[None]

    def predict_in_use(self, lightness: np.ndarray, hints: np.ndarray | None) -> np.ndarray:
        """Returns the same with colours drawn together within things, and the reach of hints
        limited, as in the product; a `Predictor`."""
        output = self.predict(lightness, None)[0]
        stride, shape = self.description.stride, output.shape[1:]
        cell_lightness = lightness_in_cells(lightness[0, 0], stride, shape)
        automatic = coherent(output, cell_lightness, self.description.coherence)
        if hints is None:
            return automatic[None]
        change = self.predict(lightness, hints)[0] - output
        cell_hints = hints_in_cells(hints[0], stride, shape)
        return limited(automatic, change, cell_lightness, cell_hints)[None]

    def colour(self, photograph: Photograph, hints: np.ndarray | None = None) -> np.ndarray:
        """Returns a*, b* (2,H,W) for a photograph, with `hints` (3,H,W: a*, b*, mask) if given."""
        multiple = self.description.multiple
        model_lightness = (
            photograph.lightness
            if photograph.model_lightness is None
            else photograph.model_lightness
        )
        return chroma_for(self.predict_in_use, model_lightness, hints, multiple=multiple)


def photographs(data: Path, short_side: int | None = None) -> Iterator[Photograph]:
    """Yields the pictures of a tar or folder, at their stored size or reduced to `short_side` px.

    Raises `SourceError` where a picture cannot be decoded, or where there is none.
    """
    is_empty = True
    for source in sources(data):
        for member in members(source):
            try:
                rgb = decode(member.data, short_side)
            except (OSError, ValueError, SyntaxError) as error:  # Pillow's, on damaged data
                raise SourceError(f"{member.name} is damaged ({error})", file=source) from error
            is_empty = False
            yield Photograph.of(member.name, member.set_name, rgb)
    if is_empty:
        raise SourceError("no pictures in it", file=data, remedy="give a folder of photographs")


def evaluate(
    model: EvaluatedModel,
    data: Path,
    *,
    hints: str = "",
    old_look: int | None = None,
    short_side: int | None = None,
    measures: Sequence[Callable[[Photograph, np.ndarray], None]] = (),
) -> dict:
    """Returns the summary over all pictures, and those of each set and of gray.

    With `hints` "grid" or "worst", figures with such hints are added. With `old_look`, a seed, the
    input of the model is that of `Photograph.through_old_film`. Pictures with a longer short side
    than `short_side` px are reduced to it first. Each of `measures` is called with every picture
    and its predicted a*, b*: see `train.extended_measures`. Raises `HintsError` for a model without
    hints, `SourceError`.
    """
    if hints and not model.description.takes_hints:
        raise HintsError("this model takes no hints", file=model.description.name)
    rows, gray, sets, hinted, cells = [], [], [], [], []
    for photograph in photographs(data, short_side):
        if old_look is not None:
            photograph = photograph.through_old_film(old_look)
        truth, lightness = photograph.chroma, photograph.lightness
        predicted = model.colour(photograph)
        rows.append(judge(predicted, truth, lightness))
        for measure in measures:
            measure(photograph, predicted)
        gray.append(judge(np.zeros_like(truth), truth, lightness))
        sets.append(photograph.set_name)
        if hints == "grid":
            hinted.append(judge(model.colour(photograph, grid_hints(truth)), truth, lightness))
        elif hints == "worst":
            box = worst_cell(predicted, truth)
            single = model.colour(photograph, hint_in(truth, box))
            cells.append([_rmse(answer[:, *box], truth[:, *box]) for answer in (predicted, single)])
    result = {
        "model": model.description.name,
        "version": model.description.version,
        **summary(rows),
        "gray": summary(gray),
        "sets": {
            name: summary([row for row, set_ in zip(rows, sets, strict=True) if set_ == name])
            for name in sorted(set(sets))
        },
    }
    if hints == "grid":
        result["hints_grid"] = summary(hinted)
    elif hints == "worst":
        before, after = np.mean(cells, axis=0)
        result["hints_worst"] = {"cell_rmse": before, "cell_rmse_hinted": after}
    return result


def without_truth(model: EvaluatedModel, data: Path) -> dict:
    """Returns how the predicted colours spread over pictures without true ones, as means.

    Pictures are reduced to the model's preferred side, as in the product. `a` and `b` are standard
    deviations; `pictures_of_one_hue` counts pictures with a one-hue share above `ONE_HUE`.
    """
    rows = []
    for photograph in photographs(data):
        if min(photograph.lightness.shape) > model.description.side:
            photograph = photograph.at_side(model.description.side)
        predicted = model.colour(photograph)
        rows.append(
            {
                "a": float(predicted[0].std()),
                "b": float(predicted[1].std()),
                "one_hue_share": one_hue_share(predicted),
                "colourfulness": colourfulness(rgb_of(photograph.lightness, predicted) / 255),
            }
        )
    return {
        "model": model.description.name,
        "version": model.description.version,
        "pictures": len(rows),
        **{name: mean_of_values([row[name] for row in rows]) for name in rows[0]},
        "pictures_of_one_hue": sum(row["one_hue_share"] > ONE_HUE for row in rows),
    }


def stability(
    model: EvaluatedModel, data: Path, *, sides: Sequence[int] = (), crop: float = 0.0
) -> dict:
    """Returns mean distances, in a* and b*, between two predictions for the same picture.

    `moved_between_sides`: at the two short sides `sides`. `moved_between_sides_in_use`: of pictures
    of these sides, which are both resized to the model's preferred side, as in the product.
    `moved_under_crop`: with and without a margin of `crop` (see `Photograph.cropped`), where both
    have pixels. The second prediction is resized (bicubic) to the first.
    """
    preferred = model.description.side
    moved: dict[str, list[float]] = {}

    def add(name: str, first: np.ndarray, other: np.ndarray) -> None:
        other = np.stack([_resized(plane, first.shape[1:]) for plane in other])
        moved.setdefault(name, []).append(float(np.hypot(*(other - first)).mean()))

    for photograph in photographs(data):
        if sides:
            first, other = (photograph.at_side(side) for side in sides)
            add("moved_between_sides", model.colour(first), model.colour(other))
            in_use = (model.colour(sized.at_side(preferred)) for sized in (first, other))
            add("moved_between_sides_in_use", *in_use)
        if crop:
            whole = model.colour(photograph)[:, *photograph.crop_box(crop)]
            add("moved_under_crop", whole, model.colour(photograph.cropped(crop)))
    return {name: float(np.mean(distances)) for name, distances in moved.items()}


def grid_hints(truth: np.ndarray) -> np.ndarray:
    """Returns hints 3,H,W: in the centre of every cell, a disc in the mean true colour under it."""
    _, height, width = truth.shape
    hints = np.zeros((3, height, width), np.float32)
    for top in range(0, height, HINT_CELL):
        for left in range(0, width, HINT_CELL):
            rows = slice(top, min(top + HINT_CELL, height))
            columns = slice(left, min(left + HINT_CELL, width))
            hints += hint_in(truth, (rows, columns))
    return hints


def hint_in(truth: np.ndarray, box: tuple[slice, slice]) -> np.ndarray:
    """Returns hints 3,H,W: one disc in the centre of `box`, in the mean true colour under it."""
    _, height, width = truth.shape
    y, x = ((side.start + side.stop) / 2 for side in box)
    rows, columns = np.arange(height)[:, None] + 0.5, np.arange(width)[None] + 0.5
    disc = (rows - y) ** 2 + (columns - x) ** 2 <= HINT_RADIUS**2
    hints = np.zeros((3, height, width), np.float32)
    if disc.any():
        hints[:2, disc] = truth[:, disc].mean(1, keepdims=True)
        hints[2, disc] = 1
    return hints


def worst_cell(predicted: np.ndarray, truth: np.ndarray) -> tuple[slice, slice]:
    """Returns the rows and columns of the whole cell with the largest ab RMSE.

    They are those of the picture where it is smaller than a cell.
    """
    _, height, width = truth.shape
    boxes = [
        (slice(top, top + HINT_CELL), slice(left, left + HINT_CELL))
        for top in range(0, height - HINT_CELL + 1, HINT_CELL)
        for left in range(0, width - HINT_CELL + 1, HINT_CELL)
    ]
    boxes = boxes or [(slice(0, height), slice(0, width))]
    return max(boxes, key=lambda box: _rmse(predicted[:, *box], truth[:, *box]))


def draw_sheet(
    model: EvaluatedModel, data: Path, path: Path, *, most: int = 48, height: int = 192
) -> Path:
    """Writes a contact sheet (PNG) of at most `most` pictures, three in a row; returns `path`.

    Each is shown in gray, as predicted and as it is, side by side, `height` px high. Pictures are
    taken evenly from `data` and coloured at the model's preferred side.
    """
    chosen = list(photographs(data))
    chosen = chosen[:: max(1, len(chosen) // most)][:most]
    strips = []
    for stored in chosen:
        photograph = stored
        if min(stored.lightness.shape) > model.description.side:
            photograph = stored.at_side(model.description.side)
        predicted = model.colour(photograph)
        panels = [
            rgb_of(photograph.lightness, ab) for ab in (predicted * 0, predicted, photograph.chroma)
        ]
        strip = Image.fromarray(np.concatenate(panels, axis=1))
        strips.append(strip.resize((round(strip.width * height / strip.height), height)))
    lines = [strips[start : start + 3] for start in range(0, len(strips), 3)]
    width = max(sum(strip.width + 8 for strip in line) for line in lines)
    page = Image.new("RGB", (width, len(lines) * (height + 8)), "white")
    for number, line in enumerate(lines):
        left = 0
        for strip in line:
            page.paste(strip, (left, number * (height + 8)))
            left += strip.width + 8
    text = PngInfo()
    text.add_text(SHEET_MARK, "gray, ours, truth")
    encoded = io.BytesIO()
    page.save(encoded, "PNG", pnginfo=text)
    write_file(path, encoded.getvalue())
    return path


def rgb_of(lightness: np.ndarray, chroma: np.ndarray) -> np.ndarray:
    """Returns uint8 sRGB H,W,3 of L* (H,W) and a*, b* (2,H,W), fitted to the gamut at equal L*."""
    lab = np.concatenate((lightness[..., None], np.moveaxis(chroma, 0, -1)), axis=-1, dtype=float)
    rgb = lab_to_srgb(lab)
    # `gamut.fit` searches, which is slow, so that it gets only the pixels outside the gamut
    outside = ((rgb < 0) | (rgb > 1)).any(-1)
    rgb[outside] = lab_to_srgb(gamut.fit(lab[outside]))
    return np.round(rgb.clip(0, 1) * 255).astype(np.uint8)


def _rmse(predicted: np.ndarray, truth: np.ndarray) -> float:
    return float(np.sqrt(np.mean((predicted - truth) ** 2)))


def _resized(plane: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    image = Image.fromarray(plane.astype(np.float32))
    return np.asarray(image.resize((shape[1], shape[0]), Image.Resampling.BICUBIC))
