"""Converts a file of published weights into a model of the user's: `photochrom models convert`."""

import shutil
import tempfile
from pathlib import Path

import click

from core.commands.arguments import ReadPath, SuggestingChoice, WrittenPath
from core.errors import DestinationError, PhotochromError
from core.learn.guests import GUESTS
from core.paths import Paths

#: `core.learn.guests.deoldify.LOOKS`, which cannot be imported without torch.
LOOKS = ("published", "direct")


@click.command(epilog="Example: photochrom models convert ddcolor_paper_tiny.pth")
@click.argument("file", type=ReadPath(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "-o",
    "--output",
    type=WrittenPath(dir_okay=False, readable=False, path_type=Path),
    help="Write the model file here instead of adding it to your own models.",
)
@click.option("--float32", is_flag=True, help="Store weights whole: twice the file.")
@click.option(
    "--squash",
    is_flag=True,
    help="Show it every picture as a square, as its authors do; default: in its own shape.",
)
@click.option(
    "--look",
    type=SuggestingChoice(LOOKS),
    default="published",
    show_default=True,
    help="DeOldify: colours added to the source's gray, or those of its own picture.",
)
@click.option(
    "--centred-mask",
    is_flag=True,
    help="SIGGRAPH17: for weights that colorization-pytorch trained.",
)
@click.option(
    "--as",
    "guest",
    type=SuggestingChoice(GUESTS),
    metavar="NAME",
    help="Which of two networks of the same shape it is: deoldify-stable or deoldify-video.",
)
def convert(
    file: Path,
    output: Path | None,
    float32: bool,
    squash: bool,
    look: str,
    centred_mask: bool,
    guest: str | None,
) -> None:
    """Turn the published weights of a known colorizer into a model that --model takes.

    Known are ECCV16, SIGGRAPH17, DDColor, DeOldify and iColoriT, told by the tensors in the file
    (.pth, .pt, .bin, .safetensors). Nothing is downloaded: docs/guests.md says where their authors
    publish them. Needs the extra `train`.
    """
    from core.learn.guests import conversion
    from core.model.store import import_model, user_folder
    from train.export import MODEL_FILE

    paths = Paths()
    paths.read(file, "FILE")
    if output is not None:
        paths.replace(output, "--output", MODEL_FILE)
    folder = output.parent if output is not None else user_folder()
    choices = conversion.ConversionOptions(float32, squash, look, centred_mask, guest or "")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".convert-") as part:
            path, converted = conversion.convert(file, Path(part), choices, click.echo)
            if output is None:
                name = import_model(path, opened=True).name
            else:
                path.replace(output)
                name = str(output)
    except MemoryError as error:
        raise PhotochromError(
            "not enough memory to convert it",
            file=file,
            kind="out-of-memory",
            remedy="close other programs, or convert it on a larger machine",
        ) from error
    except (OSError, shutil.Error) as error:
        raise DestinationError(f"cannot be written ({error})", file=folder) from error
    if converted.float16:
        click.echo(f"{name}: stored as float16, which moves a*, b* by {converted.rounding:.2g}")
    click.echo(f"{name}: ready; use it with --model {name}")
