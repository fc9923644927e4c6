"""Trains for a quarter of an hour on a GPU, in stages by the clock, from photographs to weights.

It is for a borrowed machine that has torch but no network:

    python -m train.quarter_hour pack photographs/ parts/       # at home: parts of at most 60 MiB
    python -m train.quarter_hour run photographs/ out/ --init start.onnx --minutes 11

`run` decodes the pictures once, keeps them in the GPU's memory, trains the recipes of `STAGES` one
after another, each for its share of the time, and writes the averaged weights into `out/` as
float16 after each. Tars that arrive in the folder meanwhile are used from the next stage on. When
it is started again, it goes on with the stage that was interrupted.
"""

import json
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import click
import torch

from core.errors import OptionsError
from train.recipe import read
from train.run import run, weights_of

RECIPES = Path(__file__).parent / "recipes" / "quarter_hour"
PART_BYTES = 60 << 20


class Stage(NamedTuple):
    """A recipe of `recipes/quarter_hour/` and its share of the time."""

    recipe: str
    share: float


STAGES = (
    Stage("likelihood_112", 0.20),
    Stage("likelihood_160", 0.20),
    Stage("likelihood_224", 0.15),
    Stage("believed_192", 0.20),
    Stage("believed_288", 0.15),
    Stage("hints_192", 0.10),
)


@click.group()
def main() -> None:
    """Trains for a quarter of an hour on a GPU."""


@main.command()
@click.argument("photographs", type=click.Path(exists=True, path_type=Path))
@click.argument("parts", type=click.Path(file_okay=False, path_type=Path))
def pack(photographs: Path, parts: Path) -> None:
    """Puts the tars of PHOTOGRAPHS into folders under PARTS, each of at most 60 MiB."""
    for number, files in enumerate(portions(sorted(photographs.glob("*.tar")))):
        folder = parts / f"{number:02}"
        folder.mkdir(parents=True, exist_ok=True)
        for file in files:
            shutil.copyfile(file, folder / file.name)
        click.echo(f"{folder}: {', '.join(file.name for file in files)}")


def portions(files: Sequence[Path], most: int = PART_BYTES) -> list[list[Path]]:
    """Splits files, in their order, into portions of at most `most` bytes each.

    Raises `OptionsError` for a file that is larger than a portion.
    """
    found: list[list[Path]] = []
    room = 0
    for file in files:
        size = file.stat().st_size
        if size > most:
            raise OptionsError(
                f"has {size:,} bytes, more than a part", file=file, remedy="make smaller tars"
            )
        if size > room:
            found.append([])
            room = most
        found[-1].append(file)
        room -= size
    return found


@main.command("run")
@click.argument("photographs", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option("--init", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--minutes", type=click.FloatRange(0, min_open=True), default=11.0)
@click.option(
    "--cache", type=click.Path(file_okay=False, path_type=Path), default=Path("/tmp/pictures")
)
def run_command(
    photographs: Path, out: Path, init: Path | None, minutes: float, cache: Path
) -> None:
    """Trains on the tars of PHOTOGRAPHS; weights and what was logged go to OUT."""
    quarter_hour(photographs, out, initial=init, seconds=60 * minutes, cache=cache)


def quarter_hour(
    photographs: Path,
    out: Path,
    *,
    initial: Path | None,
    seconds: float,
    cache: Path,
    recipes: Path = RECIPES,
    stages: Sequence[Stage] = STAGES,
    say: Callable[[str], None] = click.echo,
) -> Path | None:
    """Runs the stages within `seconds` in all; returns the path of the last weights.

    `out/progress.json` lists the stages that are done. The time for decoding shortens all stages
    in proportion.
    """
    torch.backends.cudnn.benchmark = True
    out.mkdir(parents=True, exist_ok=True)
    done = _progress(out)
    end = time.monotonic() + seconds
    weights = _weights(out, done[-1]) if done else initial
    for number, stage in enumerate(stages):
        if stage.recipe in done:
            continue
        left = end - time.monotonic()
        share = stage.share / sum(other.share for other in stages[number:])
        recipe = read(recipes / f"{stage.recipe}.toml")
        folder = cache / "runs" / stage.recipe
        say(f"stage {stage.recipe}: {left * share:.0f} s of {left:.0f} s")
        checkpoint = run(
            recipe,
            photographs,
            folder,
            cache=cache,
            initial=weights,
            deadline=time.monotonic() + left * share,
            resume=(folder / "last.pt").is_file(),
            pictures_on_gpu=torch.cuda.is_available(),
            say=say,
        )
        weights = _weights(out, stage.recipe)
        _store(checkpoint.with_name("last.pt"), weights)
        shutil.copyfile(folder / "log.jsonl", out / f"{stage.recipe}.jsonl")
        done.append(stage.recipe)
        (out / "progress.json").write_text(json.dumps(done))
    return weights


def _progress(out: Path) -> list[str]:
    file = out / "progress.json"
    return json.loads(file.read_text()) if file.is_file() else []


def _weights(out: Path, recipe: str) -> Path:
    return out / f"{recipe}.safetensors"


def _store(checkpoint: Path, path: Path) -> None:
    """Writes the averaged weights as float16, without the critic's, in one atomic step."""
    from safetensors.torch import save_file

    tensors = {
        name: (
            tensor.half() if tensor.is_floating_point() and tensor.ndim > 1 else tensor
        ).contiguous()
        for name, tensor in weights_of(checkpoint).items()
        if not name.startswith("critic.")
    }
    temporary = path.with_suffix(".tmp")
    save_file(tensors, temporary)
    temporary.replace(path)


if __name__ == "__main__":
    main()
