"""`photochrom compare-pictures`: which of two colourings do people prefer?"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.commands.arguments import ReadPath, WrittenPath, device_option
from core.errors import EXIT_DONE, OptionsError, printable
from core.paths import Paths

if TYPE_CHECKING:
    from core.comparison import ComparedSource, Tally

#: How votes name the true photograph.
TRUTH = "the true photograph"


@click.command(
    name="compare-pictures",
    epilog="Example: photochrom compare-pictures photochrom-lite other/ --photographs gray/ "
    "--html vote.html",
)
@click.argument("sources", nargs=-1, metavar="A B ...")
@click.option(
    "--photographs",
    type=ReadPath(exists=True, file_okay=False, path_type=Path),
    help="Folder of the photographs; needed where no source is a folder.",
)
@click.option(
    "--truth",
    type=ReadPath(exists=True, file_okay=False, path_type=Path),
    help="Folder of true colour photographs: one side shows one of them, and the "
    "question is which is real.",
)
@click.option(
    "--html",
    type=WrittenPath(dir_okay=False, path_type=Path),
    help="Write the page here: one file, to be opened in any browser.",
)
@click.option(
    "--blind/--named",
    default=True,
    show_default=True,
    help="Say only at the end whose pictures they are.",
)
@click.option(
    "--seed",
    type=int,
    default=1,
    show_default=True,
    help="Draws the order of the photographs and the sides.",
)
@click.option(
    "--height",
    type=click.IntRange(64, 2160),
    default=480,
    show_default=True,
    help="Height of the pictures in pixels.",
)
@click.option(
    "--count",
    "counted",
    multiple=True,
    metavar="FILE",
    type=ReadPath(exists=True, dir_okay=False, path_type=Path),
    help="Add up saved votes; can be given several times.",
)
@device_option
def compare_pictures(
    sources: tuple[str, ...],
    photographs: Path | None,
    truth: Path | None,
    html: Path | None,
    blind: bool,
    seed: int,
    height: int,
    counted: tuple[Path, ...],
    device: str,
) -> int:
    """Ask people which of two colourings they prefer, without saying whose they are.

    A, B and further ones are models, by name or file, or folders of coloured pictures, another
    program's too. The page shows each photograph with two of them at random sides, takes a
    preference and faults, and tells who won when all are answered. It saves the votes as a file;
    --count adds up those of several people.
    """
    if counted:
        if sources or html:
            raise OptionsError("--count takes no sources and writes no page")
        return _count(counted)
    if html is None:
        raise OptionsError("there is no name for the page", remedy="give --html FILE")
    if len(sources) + (truth is not None) < 2:
        raise OptionsError("two sources are compared", remedy="name another, or give --truth")

    from core.comparison import PAGE, gather, written_page
    from core.image.atomic import write_file

    paths = Paths()
    for name in sources:
        paths.read_tree(Path(name), "a source")
    paths.read_tree(photographs, "--photographs")
    paths.read_tree(truth, "--truth")
    paths.replace(html, "--html", PAGE)
    opened = _opened(sources, truth, device)
    against = None if truth is None else TRUTH
    comparison = gather(photographs or truth, opened, seed=seed, against=against, height=height)
    question = "better" if truth is None else "real"
    write_file(html, written_page(comparison, question, blind=blind).encode())
    for line in comparison.left_out:
        click.echo(f"left out: {printable(line)}", err=True)
    click.echo(f"{len(comparison.rows)} pairs to vote on in {printable(str(html))}")
    return EXIT_DONE


def _opened(names: tuple[str, ...], truth: Path | None, device: str) -> "list[ComparedSource]":
    from core.colorizer import Colorizer
    from core.comparison import ComparedFolder, ComparedModel
    from core.options import Options

    opened: list[ComparedSource] = []
    for name in names:
        if Path(name).is_dir():
            opened.append(ComparedFolder.open(name, Path(name)))
        else:
            opened.append(ComparedModel(name, Colorizer.open(name, device), Options(model=name)))
    if truth is not None:
        opened.append(ComparedFolder.open(TRUTH, truth))
    return opened


def _count(files: tuple[Path, ...]) -> int:
    from core.comparison import read_votes, tally

    for found in tally(read_votes(files)):
        click.echo(_sentence(found))
        for name, faults in zip(found.sources, found.faults, strict=True):
            if faults:
                listed = ", ".join(f"{fault} {count}" for fault, count in faults.most_common())
                click.echo(f"  {printable(name)}: {listed}")
    return EXIT_DONE


def _sentence(found: "Tally") -> str:
    (first, second), (wins, losses) = map(printable, found.sources), found.preferred
    least, most = found.interval
    return (
        f"{first} {wins} : {losses} {second}, {found.ties} not decided; {first} has "
        f"{found.share:.0%} of {found.decided} (95% between {least:.0%} and {most:.0%}; "
        f"by chance alone: {found.chance:.2g})"
    )
