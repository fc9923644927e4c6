"""Reads a machine's settings: the broker and the folders that its workers may touch.

The environment (`PHOTOCHROM_BROKER`, `PHOTOCHROM_ROOTS`) overrides the configuration file, and
options override both. The file is `config.toml` in the user's configuration folder of photochrom,
or the one that `PHOTOCHROM_CONFIG` names:

    [worker]
    broker = "rediss://:password@redis.example:6380/0"
    roots = ["/srv/scans", "s3://archive/scans"]
"""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import OptionsError, nearest


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """Settings of the workers: `broker`, a URL or None; `roots`, folders and s3:// prefixes."""

    broker: str | None = None
    roots: tuple[str, ...] = ()


def settings() -> WorkerSettings:
    """Returns the settings of this machine; raises `OptionsError` for a faulty file."""
    written = _written()
    roots = os.environ.get("PHOTOCHROM_ROOTS")
    return WorkerSettings(
        broker=os.environ.get("PHOTOCHROM_BROKER") or written.broker,
        # A colon separates folders, as in PATH, but not in the s3:// of a URL.
        roots=_parted(roots) if roots else written.roots,
    )


def _written() -> WorkerSettings:
    named = os.environ.get("PHOTOCHROM_CONFIG")
    path = Path(named) if named else _usual_file()
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get("worker", {})
    except FileNotFoundError:
        if named:
            raise OptionsError("PHOTOCHROM_CONFIG names no file", file=path) from None
        return WorkerSettings()
    except OSError as error:
        raise OptionsError(f"cannot be read ({error.strerror})", file=path) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionsError(f"is no TOML: {error}", file=path) from error
    return _read(table, path)


def _read(table: dict[str, Any], path: Path) -> WorkerSettings:
    for name in table:
        if name not in ("broker", "roots"):
            remedy = nearest(name, ["broker", "roots"])
            raise OptionsError(f"unknown setting {name!r} in [worker]", file=path, remedy=remedy)
    broker, roots = table.get("broker"), table.get("roots", [])
    if broker is not None and not isinstance(broker, str):
        raise OptionsError("broker must be text", file=path)
    if not isinstance(roots, list) or not all(isinstance(root, str) for root in roots):
        raise OptionsError("roots must be a list of folders", file=path)
    return WorkerSettings(broker, tuple(roots))


def _parted(roots: str) -> tuple[str, ...]:
    marked = roots.replace("s3://", "s3\0//")
    return tuple(root.replace("\0", ":") for root in marked.split(os.pathsep) if root)


def _usual_file() -> Path:
    import platformdirs

    return platformdirs.user_config_path("photochrom", appauthor=False) / "config.toml"
