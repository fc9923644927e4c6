"""Makes photographs with whole colours, for a network to learn from.

    python -m train.whole_colours --data PHOTOGRAPHS -o WHOLE/photos.tar
    python -m train.whole_colours model.onnx --data PHOTOGRAPHS -o TAUGHT/photos.tar

Without a model the colours are the photographs' own, smoothed within things: a critic that knows
only such pictures takes a blotch for what it is (`stages/lite_whole_critic`). With one they are a
teacher's (`stages/lite_coherent`):

A network trained against a critic is brave, but answers by chance: another size or a mirrored
picture gets other colours, in blotches. This command asks it for several views of each photograph,
takes the mean, in which chance cancels out (Radosavovic et al. 2018, "Data distillation"), and
draws it together within things (`core.coherence`). What has only one right colour comes from the
truth: of skin nearly all, of the rest a little. The result replaces the photograph's colours. A
network that learns from these pictures answers at one look what took several.

`--part` of `--parts` lets several processes share the work.
"""

import io
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from core.coherence import coherent
from core.colour.edge_aware import smoothed
from core.learn.predict import chroma_for
from train.data.cache import decode
from train.data.sampling import has_colour
from train.data.shards import members, sources
from train.evaluate import EvaluatedModel, Photograph, rgb_of

#: Short sides of the views, in px; every other one is mirrored.
SIDES = (224, 288, 352)
#: The pictures' short side, in px.
SIDE = 288
#: Factor on the network's chroma: a mean of several answers is paler than each.
GAIN = 1.1
#: Skin in hue (degrees), chroma and lightness (CIELAB units), and how softly each range ends.
SKIN = ((28.0, 78.0, 8.0), (9.0, 42.0, 5.0), (20.0, 93.0, 6.0))
#: The truth's share, of skin and of everything else.
OF_SKIN, OF_REST = 0.85, 0.25
#: Sets that show people; elsewhere wood and sand have the colours of skin.
PEOPLE = {"cocopeople", "groups", "humanseg", "osie", "voc-part", "clothes-cc0", "bsds500"}
#: Photographs whose own colours spread by less than this many codes of sRGB are left out.
LEAST_COLOUR = 5.0
#: How far the truth is smoothed, in px, and what counts as an edge, in L*.
RADIUS, STEP = 10.0, 10.0


def whole(model: EvaluatedModel, photograph: Photograph, random: np.random.Generator) -> np.ndarray:
    """Returns a*, b* (2, H, W) that are whole within things; see the module."""
    lightness, truth = photograph.lightness, photograph.chroma
    scale, mirrored = random.uniform(0.92, 1.08), int(random.integers(2))
    views = [
        _view(model, lightness, side * scale, (number + mirrored) % 2 == 1)
        for number, side in enumerate(SIDES)
    ]
    answer = GAIN * coherent(np.mean(np.stack(views), 0), lightness, 1.0)
    near_skin = skin(lightness, truth) if photograph.set_name in PEOPLE else 0 * lightness
    share = OF_REST + (OF_SKIN - OF_REST) * near_skin
    *truth, share = smoothed(
        np.stack((*truth, share)).astype(np.float32), lightness, radius=RADIUS, step=STEP
    )
    return answer + share * (np.stack(truth) - answer)


def smooth_truth(photograph: Photograph) -> np.ndarray:
    """Returns the photograph's own a*, b* (2, H, W), smoothed within things."""
    return smoothed(photograph.chroma, photograph.lightness, radius=RADIUS, step=STEP)


def skin(lightness: np.ndarray, chroma: np.ndarray) -> np.ndarray:
    """Returns how close each pixel of L* (H, W) and a*, b* (2, H, W) is to skin, 0..1."""
    values = np.degrees(np.arctan2(chroma[1], chroma[0])), np.hypot(*chroma), lightness
    near = [
        np.clip(1 - np.maximum(low - value, value - high) / soft, 0, 1)
        for value, (low, high, soft) in zip(values, SKIN, strict=True)
    ]
    return np.prod(near, 0)


def _view(model: EvaluatedModel, lightness: np.ndarray, side: float, mirrored: bool) -> np.ndarray:
    """Returns the model's chroma (2, H, W) of a picture as seen at a short side of `side` px."""
    scale = side / min(lightness.shape)
    shape = [max(1, round(length * scale)) for length in lightness.shape]
    seen = _resized(lightness[None], shape)[0].clip(0, 100)
    turn = np.s_[..., ::-1] if mirrored else np.s_[...]
    answer = chroma_for(
        model.predict, np.ascontiguousarray(seen[turn]), multiple=model.description.multiple
    )
    return _resized(answer[turn], lightness.shape)


def _resized(planes: np.ndarray, shape: tuple[int, ...] | list[int]) -> np.ndarray:
    given = torch.from_numpy(np.ascontiguousarray(planes))[None]
    return F.interpolate(given, list(shape), mode="bicubic", antialias=True)[0].numpy()


def _chosen(data: Path, share: float, part: int, parts: int) -> Iterator[Photograph]:
    """Yields `share` of the photographs, and of those every `parts`-th, by their names' hash."""
    for source in sources(data):
        for member in members(source):
            number = zlib.crc32(member.name.encode())
            if number < share * 2**32 and number % parts == part:
                yield Photograph.of(member.name, member.set_name, decode(member.data, SIDE))


@click.command()
@click.argument(
    "model", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False
)
@click.option("--data", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option("--share", type=click.FloatRange(0, 1), default=0.1, show_default=True)
@click.option("--part", type=click.IntRange(0), default=0)
@click.option("--parts", type=click.IntRange(1), default=1)
def main(model: Path | None, data: Path, output: Path, share: float, part: int, parts: int) -> None:
    """Makes photographs with whole colours."""
    torch.set_num_threads(1)
    teacher, random = EvaluatedModel(model) if model else None, np.random.default_rng(part)
    output.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with tarfile.open(output, "w") as tar:
        for photograph in _chosen(data, share, part, parts):
            if not has_colour(photograph.rgb, LEAST_COLOUR):
                continue
            chroma = whole(teacher, photograph, random) if teacher else smooth_truth(photograph)
            codes = rgb_of(photograph.lightness, chroma)
            stream = io.BytesIO()
            Image.fromarray(codes).save(stream, "PNG", compress_level=1)
            entry = tarfile.TarInfo(str(Path(photograph.name).with_suffix(".png")))
            entry.size = stream.tell()
            stream.seek(0)
            tar.addfile(entry, stream)
            count += 1
    click.echo(f"{count} pictures with whole colours in {output}")


if __name__ == "__main__":
    main()
