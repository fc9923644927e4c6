"""What a 24-megapixel layer costs in GIMP, against the same picture on the command line.

`python -m tests.gimp_plugin.measure_layer [--json]`, which `make bench` calls, prints a row of
`core.bench` for each depth and kind of result: CPU seconds from OK to pixels, the least of some
repeats, as a ratio to all that `photochrom colorize` spends. Named beside it: GIMP (GEGL's tiles,
the image), the plug-in (transfer and its own start), and the server. Both sides take the tests'
tiny model. Where there is no GIMP, the row says so.

The picture is a gray scan, an uncompressed TIFF without a profile. The command line starts, reads
it and writes it in colour; GIMP has it open, converts the image to RGB, and gets the colours. That
conversion is GIMP's Image > Mode > RGB, the dearest part of the work: 0.5 s at 8 bits and 1.0 s at
16, where babl takes each sample through sRGB's curve and back, three times over, to end at the code
that it began with. An RGB image needs none; its ratios are 0.5 to 0.8.
"""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyvips
from click.testing import CliRunner
from skimage import data, transform

from core.bench import Row
from core.errors import EXIT_DONE, EXIT_SOME_FAILED
from gimp_plugin.commands import gimp as gimp_command
from tests.gimp_plugin.gimp_session import GimpSession, NoGimp, Room, root_with_gimp
from tests.gradio_app.serving import command, environment_for, server

WIDTH, HEIGHT, REPEATS = 6000, 4000, 5
OUTPUTS = ("colour-layer", "in-place")
MUST = 1.6
_LASTING = 2  # children of GIMP that live as long as it: script-fu and the console procedure
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Print the rows; the exit code says whether one is missed."""
    missed = False
    for row in rows():
        missed |= row.met is False
        print(row.as_json() if "--json" in sys.argv else row, flush=True)
    return EXIT_SOME_FAILED if missed else EXIT_DONE


def rows() -> Iterator[Row]:
    """The figures of GIMP, in about two minutes on two cores."""
    try:
        room = Room(root_with_gimp())
    except NoGimp as reason:
        what = "GIMP: 24 MP layer, CPU from OK to pixels / command line"
        yield Row(what, None, "x", MUST, note=f"not measured: {reason}")
        return
    try:
        CliRunner().invoke(gimp_command, ["install", "--profile", str(room.profile)])
        room.use_fake()
        for depth in (8, 16):
            yield from _depth(room, depth)
    finally:
        room.remove()


def _depth(room: Room, depth: int) -> Iterator[Row]:
    source = photograph(room.path / f"{depth}.tif", depth)
    alone: list[float] = []
    costs: dict[str, list[tuple[float, ...]]] = {output: [] for output in OUTPUTS}
    with server(room.path) as served:
        room.configure("/nowhere/photochrom")
        session = GimpSession(room, depth)
        for _ in range(REPEATS):  # in turns, so that a busy machine is as busy for all
            alone.append(command_line(room, source))
            for output in OUTPUTS:
                costs[output].append(layer(session, served.process.pid, source, output))
        session.stop()
    for output in OUTPUTS:
        gimp, plug_in, serving = min(costs[output], key=sum)
        note = (
            f"GIMP {gimp:.2f} + plug-in {plug_in:.2f} + server {serving:.2f} s, "
            f"command line {min(alone):.2f} s"
        )
        what = f"GIMP: 24 MP {depth}-bit {output}, CPU from OK to pixels / command line"
        yield Row(what, (gimp + plug_in + serving) / min(alone), "x", MUST, note=note)


def photograph(path: Path, depth: int) -> Path:
    """A gray TIFF of 24 megapixels with all tones and some grain."""
    gray = data.astronaut() @ [0.2126, 0.7152, 0.0722] / 255
    gray = np.asarray(transform.resize(gray, (HEIGHT, WIDTH), order=3))
    gray = gray + np.random.default_rng(0).normal(0, 0.01, (HEIGHT, WIDTH))
    codes = np.round(np.clip(gray, 0, 1) * (2**depth - 1)).astype(f"u{depth // 8}")
    pyvips.Image.new_from_array(codes).tiffsave(str(path))
    return path


def command_line(room: Room, source: Path) -> float:
    """CPU seconds of `photochrom colorize`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    target = ["-o", str(room.path / "coloured.tif"), "--existing", "overwrite"]
    subprocess.run(
        command("colorize", str(source), *target, *("--model", "tiny", "--jobs", "1", "--quiet")),
        env=environment_for(room.path),
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def layer(session: GimpSession, serving: int, source: Path, output: str) -> tuple[float, ...]:
    """CPU seconds of colouring an open layer: (GIMP, the plug-in, the server)."""
    inside = f"{session.room.inside}/{source.name}"
    session.run("value = names(load(path))", path=inside)
    _wait_for_plug_ins(session.process_id)
    gimp_before, ended_before = processor_seconds(session.process_id)
    serving_before, _ = processor_seconds(serving)
    ran = session.run(
        """
        image = Gimp.get_images()[0]
        value = colorize(image, image.get_layers()[0], output=output, convert_gray=True)
        """,
        output=output,
    )
    assert ran["status"] == "success", ran
    # GIMP goes on to draw the image; that is not waited for, and not ours.
    gimp_after, _ = processor_seconds(session.process_id)
    serving_after, _ = processor_seconds(serving)
    _wait_for_plug_ins(session.process_id)
    _, ended_after = processor_seconds(session.process_id)
    session.run("for image in Gimp.get_images(): image.delete()")
    return gimp_after - gimp_before, ended_after - ended_before, serving_after - serving_before


def _wait_for_plug_ins(gimp: int) -> None:
    """Until the plug-ins have ended, and their time is in GIMP's account."""
    children = Path(f"/proc/{gimp}/task/{gimp}/children")
    while len(children.read_text().split()) > _LASTING:
        time.sleep(0.02)


def processor_seconds(process: int) -> tuple[float, float]:
    """CPU seconds so far of a process, and of its children that have ended."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    own, children = fields[11:13], fields[13:15]
    return sum(map(int, own)) / TICKS_A_SECOND, sum(map(int, children)) / TICKS_A_SECOND


if __name__ == "__main__":
    sys.exit(main())
