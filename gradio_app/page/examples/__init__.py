"""The example photographs that the page offers, one file each."""

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent


def paths(folder: Path = FOLDER) -> list[Path]:
    """The photographs in `folder`, in the order in which they are shown."""
    return sorted(folder.glob("*.jpg"))
