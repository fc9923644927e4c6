"""`photochrom doctor`: what this machine can do, and how to mend what it cannot."""

import importlib.util
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import click

from core.errors import EXIT_DONE, EXIT_MACHINE, PhotochromError
from core.installation import how_to_install, pip_command


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. `needed`: whether colouring pictures depends on it."""

    name: str
    works: bool
    says: str
    remedy: str = ""
    needed: bool = False


@click.command(epilog="Example: photochrom doctor")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line a check.")
def doctor(as_json: bool) -> int:
    """Say what this machine can read, write and compute on, and how to mend what it cannot."""
    checks = [check for look in _LOOKS for check in look()]
    for check in checks:
        if as_json:
            click.echo(json.dumps(asdict(check)))
        else:
            mark = "ok  " if check.works else ("FAIL" if check.needed else "-   ")
            remedy = f"\n       fix: {check.remedy}" if check.remedy and not check.works else ""
            click.echo(f"{mark} {check.name}: {check.says}{remedy}")
    broken = any(check.needed and not check.works for check in checks)
    return EXIT_MACHINE if broken else EXIT_DONE


def _formats() -> Iterator[Check]:
    try:
        from core.image.formats import FORMATS, READ
        from core.image.vips import library

        version = ".".join(str(library().version(part)) for part in range(3))
    except (ImportError, OSError) as error:
        yield Check(
            "image files", False, str(error), pip_command("install", "pyvips[binary]"), True
        )
        return
    titles = ", ".join(row.title for row in FORMATS)
    more = ", ".join(row.title for row in READ if row not in FORMATS)
    says = f"libvips {version}; reads and writes {titles}; reads {more}"
    yield Check("image files", True, says, needed=True)
    heic = importlib.util.find_spec("pillow_heif") is not None
    says = "pillow-heif is installed" if heic else "pillow-heif is not installed"
    yield Check("HEIC", heic, says, "pip install pillow-heif")
    yield Check(
        "not read",
        False,
        "TIFF with zstd, LERC, JBIG or LZMA compression or floating point, JPEG XL, PDF, raw",
        "convert such files to deflate or LZW TIFF, or to PNG, first",
    )


def _providers() -> Iterator[Check]:
    from core.model.session import PROVIDERS, open_session, remedy_for
    from core.model.store import resolve
    from core.options import DEFAULT_MODEL

    for device in PROVIDERS:
        try:
            session = open_session(resolve(DEFAULT_MODEL), device)
        except PhotochromError as error:
            yield Check(f"device {device}", False, error.what, remedy_for(device), device == "cpu")
        else:
            says = f"{session.description.name} runs on {session.provider}"
            yield Check(f"device {device}", True, says, needed=device == "cpu")


def _kernels() -> Iterator[Check]:
    try:
        from core.colour.kernels import warm

        warm()
    except Exception as error:  # whatever numba or LLVM says, it is told
        yield Check(
            "kernels",
            False,
            f"{type(error).__name__}: {error}",
            pip_command("install", "-U", "numba"),
            True,
        )
    else:
        yield Check("kernels", True, "compiled and cached", needed=True)


def _redis() -> Iterator[Check]:
    broker = os.environ.get("PHOTOCHROM_BROKER", "redis://127.0.0.1:6379/0")
    remedy = "only for `photochrom worker` and `batch`: start redis-server, set PHOTOCHROM_BROKER"
    try:
        import redis
    except ImportError:
        yield Check("queue", False, "not installed", how_to_install("worker"))
        return
    try:
        info = redis.Redis.from_url(broker, socket_connect_timeout=1, socket_timeout=1).info()
        yield Check("queue", True, f"Redis {dict(info)['redis_version']} answers")  # type: ignore[call-overload]
    except (redis.RedisError, ValueError) as error:
        yield Check("queue", False, f"Redis does not answer ({type(error).__name__})", remedy)


def _gimp() -> Iterator[Check]:
    found = next((name for name in ("gimp-3.2", "gimp-3.0", "gimp") if shutil.which(name)), None)
    yield Check(
        "GIMP",
        found is not None,
        found or "not found",
        "install GIMP 3, then `photochrom gimp install`",
    )


_LOOKS: tuple[Callable[[], Iterator[Check]], ...] = (_formats, _kernels, _providers, _redis, _gimp)
