"""Measures colours finer than the network's thumbnail shows, and how many of them `--detail` finds.

    python -m train.fine_colours model.onnx --data PHOTOGRAPHS

Pictures whose short side is not larger than `--side` px are left out: their thumbnail has all of
them. Fine colours are what a mean over one cell of the thumbnail's grid takes away from a* and b*.
The table has the ab RMSE, the share of the true fine colours that the answer has (the slope of its
fine colours over the true ones: 0 for none, 1 for all), and how strong the true ones are, which is
the ab RMSE that the best grid of that size would leave.
"""

from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from core.colorizer import Colorizer
from core.colour.lab import srgb_to_lab
from core.colour.windows import window_means
from core.errors import SourceError
from core.options import Options
from train.evaluate import Photograph, photographs, rgb_of

DETAILS = (1, 2, 3)


@dataclass(frozen=True, slots=True)
class FineColours:
    """The figures of one answer, in CIELAB units but for `found`, a share."""

    rmse: float
    found: float
    least: float


def judged(answer: np.ndarray, truth: np.ndarray, cell: float) -> FineColours:
    """Judges a*, b* (2, H, W), where a cell of the thumbnail's grid is `cell` px wide."""
    true, ours = _fine(truth, cell), _fine(answer, cell)
    strength = (true**2).sum()
    return FineColours(
        rmse=_length(answer - truth),
        found=float((true * ours).sum() / strength) if strength else float("nan"),
        least=_length(true),
    )


def _fine(chroma: np.ndarray, cell: float) -> np.ndarray:
    return chroma - window_means(chroma, max(1, round(cell / 2)))


def _length(planes: np.ndarray) -> float:
    return float(np.sqrt((planes**2).sum(0).mean()))


def coloured(colorizer: Colorizer, photograph: Photograph, options: Options) -> np.ndarray:
    """Returns the a*, b* (2, H, W) of the result at full size."""
    gray = rgb_of(photograph.lightness, 0 * photograph.chroma)
    return np.moveaxis(srgb_to_lab(colorizer.colorize(gray, options) / 255)[..., 1:], -1, 0)


@click.command()
@click.argument("model", type=click.Path(exists=True, dir_okay=False))
@click.option("--data", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--side", type=click.IntRange(32), help="The thumbnail's; default: the model's.")
def main(model: str, data: Path, side: int | None) -> None:
    """Measures colours finer than the network's thumbnail shows."""
    colorizer = Colorizer.open(model, "cpu")
    description = colorizer.session.description
    shown = side or description.side
    rows: dict[int, list[FineColours]] = {detail: [] for detail in DETAILS}
    for photograph in photographs(data):
        short = min(photograph.lightness.shape)
        if short <= shown:
            continue
        cell = description.stride * short / shown
        for detail, found in rows.items():
            answer = coloured(colorizer, photograph, Options(side=shown, detail=detail))
            found.append(judged(answer, photograph.chroma, cell))
    if not rows[1]:
        raise SourceError("has no picture larger than the thumbnail", file=data)
    click.echo(f"{len(rows[1])} pictures\ndetail  ab RMSE  fine colours found  their strength")
    for detail, found in rows.items():
        mean = [np.nanmean([getattr(row, key) for row in found]) for key in FineColours.__slots__]
        click.echo(f"{detail:6}  {mean[0]:7.2f}  {mean[1]:18.3f}  {mean[2]:14.2f}")


if __name__ == "__main__":
    main()
