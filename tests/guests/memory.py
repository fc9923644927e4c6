"""What looking at one square picture costs: `python -m tests.guests.memory MODEL ...`.

One line a model, each in a process of its own: CPU seconds of a look at the model's own side, on
one thread; peak memory; both beside those of the bundled model.
"""

import resource
import subprocess
import sys
import time

import numpy as np

from core.model.session import open_session
from core.model.store import resolve


def look(model: str) -> tuple[float, float]:
    """CPU seconds of one look after a first one, and the process' peak memory in bytes."""
    session = open_session(resolve(model), "cpu")
    description = session.description
    side = -(-description.side // description.multiple) * description.multiple
    lightness = np.random.default_rng(0).uniform(0, 100, (side, side)).astype(np.float32)
    session.predict(lightness)
    began = time.process_time()
    session.predict(lightness)
    seconds = time.process_time() - began
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0


def main(models: list[str]) -> None:
    if models[:1] == ["--one"]:
        print(*look(models[1]))
        return
    ours = 0.0
    for model in ["photochrom-lite", *models]:
        words = [sys.executable, "-m", "tests.guests.memory", "--one", model]
        said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        seconds, memory = map(float, said.split())
        ours = ours or seconds
        print(
            f"{model}: {seconds:.2f} s, {seconds / ours:.1f} x; {memory / 1e9:.2f} GB", flush=True
        )


if __name__ == "__main__":
    main(sys.argv[1:])
