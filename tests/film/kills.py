"""`photochrom video` under `kill -9` at random moments, for the bench and for tests."""

import contextlib
import random
import subprocess
import sys
from pathlib import Path

from tests.film.films import write_film
from tests.model_files import write_model

#: The command, with segments of `argv[1]` frames or more.
CHILD = """
import sys
from core.film import segments
segments.FRAMES, segments.LEAD = int(sys.argv.pop(1)), 6
from core.commands.main import main
main()
"""


def command(segment: int, *words: object) -> list[str]:
    """The command line of a process of its own whose segments have that many frames."""
    return [sys.executable, "-c", CHILD, str(segment), *map(str, words)]


def differing_results(folder: Path, frames: int, kills: int, segment: int = 250) -> tuple[int, int]:
    """Colours a film of small frames undisturbed, and again under `kills` kills at random moments.

    Whether the results differ (0 or 1), and how many kills met a process at work.
    """
    source = write_film(
        folder / "in.mkv", frames=frames, options={"g": "12"}, codec="libx264", format="yuv420p"
    )
    model = write_model(folder / "tiny.onnx")
    results = [folder / "undisturbed.mkv", folder / "killed.mkv"]
    words = [
        command(segment, "video", source, "-o", result, "--model", model, "--quiet")
        for result in results
    ]
    subprocess.run(words[0], check=True)
    chance = random.Random(0)
    killed = 0
    for _ in range(kills):
        child = subprocess.Popen(words[1], stderr=subprocess.DEVNULL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(chance.uniform(1.0, 6.0))
        if child.poll() is None:
            child.kill()
            killed += 1
        child.wait()
    subprocess.run(words[1], check=True)
    first, second = (result.read_bytes() for result in results)
    return int(first != second), killed
