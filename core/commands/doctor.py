"""`photochrom doctor`: what this machine can do, and how to mend what it cannot."""

import importlib.util
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import click

from core.commands.arguments import json_option_of
from core.errors import EXIT_DONE, EXIT_MACHINE, PhotochromError
from core.installation import how_to_install, pip_command


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one thing. `needed`: whether colouring pictures depends on it."""

    name: str
    works: bool
    says: str
    remedy: str = ""
    needed: bool = False


@click.command(epilog="Example: photochrom doctor")
@json_option_of("Print one JSON line a finding.")
def doctor(as_json: bool) -> int:
    """Say what this machine can read, write and compute on, and how to mend what it cannot."""
    findings = [finding for examine in _EXAMINATIONS for finding in examine()]
    for finding in findings:
        if as_json:
            click.echo(json.dumps(asdict(finding)))
        else:
            mark = "ok  " if finding.works else ("FAIL" if finding.needed else "-   ")
            remedy = (
                f"\n       fix: {finding.remedy}" if finding.remedy and not finding.works else ""
            )
            click.echo(f"{mark} {finding.name}: {finding.says}{remedy}")
    broken = any(finding.needed and not finding.works for finding in findings)
    return EXIT_MACHINE if broken else EXIT_DONE


def _formats() -> Iterator[Finding]:
    try:
        from core.image.formats import FORMATS, READ
        from core.image.vips import library

        version = ".".join(str(library().version(part)) for part in range(3))
    except (ImportError, OSError) as error:
        yield Finding(
            "image files", False, str(error), pip_command("install", "pyvips[binary]"), True
        )
        return
    titles = ", ".join(row.title for row in FORMATS)
    more = ", ".join(row.title for row in READ if row not in FORMATS)
    says = f"libvips {version}; reads and writes {titles}; reads {more}"
    yield Finding("image files", True, says, needed=True)
    heic = importlib.util.find_spec("pillow_heif") is not None
    says = "pillow-heif is installed" if heic else "pillow-heif is not installed"
    yield Finding("HEIC", heic, says, how_to_install("heic"))
    yield Finding(
        "not read",
        False,
        "TIFF with JBIG compression, CIELAB or floating-point samples, JPEG XL, GIF, PDF, raw",
        "convert such files to deflate or LZW TIFF, or to PNG, first",
    )


def _providers() -> Iterator[Finding]:
    from core.model.session import PROVIDERS, open_session, remedy_for
    from core.model.store import resolve
    from core.options import DEFAULT_MODEL

    for device in PROVIDERS:
        try:
            session = open_session(resolve(DEFAULT_MODEL), device)
        except PhotochromError as error:
            yield Finding(
                f"device {device}", False, error.what, remedy_for(device), device == "cpu"
            )
        else:
            says = f"{session.description.name} runs on {session.provider}"
            yield Finding(f"device {device}", True, says, needed=device == "cpu")


def _kernels() -> Iterator[Finding]:
    try:
        from core.colour.kernels import warm

        warm()
    except Exception as error:  # whatever numba or LLVM raises is shown
        yield Finding(
            "kernels",
            False,
            f"{type(error).__name__}: {error}",
            pip_command("install", "-U", "numba"),
            True,
        )
    else:
        yield Finding("kernels", True, "compiled and cached", needed=True)


def _redis() -> Iterator[Finding]:
    broker = os.environ.get("PHOTOCHROM_BROKER", "redis://127.0.0.1:6379/0")
    remedy = "only for `photochrom worker` and `batch`: start redis-server, set PHOTOCHROM_BROKER"
    try:
        import redis
    except ImportError:
        yield Finding("queue", False, "not installed", how_to_install("worker"))
        return
    try:
        info = redis.Redis.from_url(broker, socket_connect_timeout=1, socket_timeout=1).info()
        yield Finding("queue", True, f"Redis {dict(info)['redis_version']} answers")  # type: ignore[call-overload]
    except (redis.RedisError, ValueError) as error:
        yield Finding("queue", False, f"Redis does not answer ({type(error).__name__})", remedy)


def _gimp() -> Iterator[Finding]:
    found = next((name for name in ("gimp-3.2", "gimp-3.0", "gimp") if shutil.which(name)), None)
    yield Finding(
        "GIMP",
        found is not None,
        found or "not found",
        "install GIMP 3, then `photochrom gimp install`",
    )


_EXAMINATIONS: tuple[Callable[[], Iterator[Finding]], ...] = (
    _formats,
    _kernels,
    _providers,
    _redis,
    _gimp,
)
