"""photochrom as a library: `import photochrom`.

`colorize` takes a file or an array of samples, `colorize_all` files and folders; `verify` measures
that the lightness was kept. A `Colorizer` is a model that stays open; `Point`s are colours that you
know. Nothing is computed here: each name hands on what `core` has. Errors are `PhotochromError`s,
whose `kind` says what is wrong and `may_be_retried` whether trying again can help.
"""

from core.colorizer import Colorizer
from core.errors import PhotochromError
from core.hints import Point
from core.image.metadata.provenance import Provenance
from core.image.read import read_provenance
from core.job.job import Job, Outcome, report_line
from core.job.promise import Comparison, verify
from core.options import Options
from photochrom.calls import Choices, Hints, colorize, colorize_all

__all__ = [
    "Choices",
    "Colorizer",
    "Comparison",
    "Hints",
    "Job",
    "Options",
    "Outcome",
    "PhotochromError",
    "Point",
    "Provenance",
    "colorize",
    "colorize_all",
    "read_provenance",
    "report_line",
    "verify",
]


def __getattr__(name: str) -> str:
    if name == "__version__":
        from importlib.metadata import version

        return version("photochrom")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
