"""Colours scans in an object store: fetches them to a spool folder and puts the results back.

Putting an object is atomic, as a rename is. The object's metadata carries the job key too, so that
one HEAD request tells whether the work is done. Endpoint and credentials are those of the AWS
tools (`AWS_ENDPOINT_URL`, `AWS_PROFILE`, ...).
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from core.errors import DestinationError, Failure, PhotochromError, ServiceError, SourceError
from core.installation import how_to_install
from core.job import Job, Outcome, Selection, job_key
from worker.roots import is_remote

if TYPE_CHECKING:
    from core.colorizer import Colorizer

#: The object's metadata that holds the job key (contract 3).
KEY: Final = "jobkey"

_SPOOL: Final = "photochrom-spool-"


@cache
def store() -> Any:
    """Returns the S3 file system of this process, opened at its first use, after the fork."""
    try:
        import fsspec

        return fsspec.filesystem("s3", use_listings_cache=False, skip_instance_cache=True)
    except ImportError as error:
        raise ServiceError("s3:// needs s3fs", remedy=how_to_install("worker")) from error


def pictures_under(prefix: str, selection: Selection) -> Iterator[str]:
    """Yields names, relative to `prefix`, of the objects that `selection` takes, in order."""
    with _in_words(prefix, SourceError):
        root = prefix.removeprefix("s3://").rstrip("/") + "/"
        names = store().find(root)
    for name in names:
        short = name.removeprefix(root)
        if selection.enters_all(short) and selection.takes_file(short):
            yield short


def carry_out(
    source: str,
    destination: str,
    job: Job,
    colorizer: "Colorizer",
    attempts: int,
    check: Callable[[], None],
) -> Outcome:
    """Colours a scan whose source or result, or both, are objects.

    A failure is returned as an `Outcome`, as by `core.job.run`.
    """
    from core.job import run

    try:
        with spool() as folder:
            local = fetched(source, folder)
            if done := _is_done(local, destination, job, colorizer):
                outcome = Outcome(source, destination, "skipped", key=done, attempts=attempts)
                return _about(outcome, colorizer)
            target = Path(destination)
            if is_remote(destination):
                target = folder / "result" / destination.rpartition("/")[2]
                target.parent.mkdir()
            local_job = replace(job, source=local, destination=target)
            outcome = run(local_job, colorizer, attempts=attempts, check=check)
            if is_remote(destination) and outcome.status == "done":
                with _in_words(destination, DestinationError):
                    store().put_file(
                        str(target), destination, Metadata={KEY: outcome.key}, mode="overwrite"
                    )
            return replace(outcome, source=source, output=outcome.output and destination)
    except PhotochromError as error:
        failed = Outcome(source, destination, "failed", attempts=attempts, error=Failure.of(error))
        return _about(failed, colorizer)


def fetched(path: str, folder: Path) -> Path:
    """Returns a file with the object's bytes, or a local path itself. Raises `SourceError`."""
    if not is_remote(path):
        return Path(path)
    target = folder / path.rpartition("/")[2]
    with _in_words(path, SourceError):
        store().get_file(path, str(target))
    return target


@contextmanager
def spool() -> Iterator[Path]:
    """Makes a spool folder, and removes it afterwards, as those of dead processes."""
    clean_spools()
    folder = Path(tempfile.mkdtemp(prefix=f"{_SPOOL}{os.getpid()}-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def clean_spools() -> None:
    """Removes spools whose process is gone."""
    for folder in Path(tempfile.gettempdir()).glob(_SPOOL + "*-*"):
        process = folder.name.removeprefix(_SPOOL).partition("-")[0]
        if process.isdigit() and _is_gone(process):
            shutil.rmtree(folder, ignore_errors=True)


def _is_gone(process: str) -> bool:
    """Returns whether no process of that number runs; False where there is no /proc to tell."""
    return Path("/proc/self").exists() and not Path("/proc", process).exists()


def _is_done(local: Path, destination: str, job: Job, colorizer: "Colorizer") -> str | None:
    """Returns the job key if the destination holds this very work, '-' if any object there will do.

    Returns None where the work is to be done. Raises `DestinationError` where the name is taken.
    """
    if not is_remote(destination) or job.existing == "overwrite":
        return None
    with _in_words(destination, DestinationError):
        if not store().exists(destination):
            return None
    if job.existing == "skip":
        return "-"
    if job.existing == "same":
        from core.image.read import open_source

        with open_source(local, max_pixels=job.max_pixels) as source:
            key = job_key(source.sha256, colorizer.session.sha256, job.options)
        with _in_words(destination, DestinationError):
            if store().metadata(destination, refresh=True).get(KEY) == key:
                return key
    raise DestinationError(
        "another object stands there already",
        file=destination,
        remedy="choose another destination, or --existing overwrite",
        kind="exists",
    )


def _about(outcome: Outcome, colorizer: "Colorizer") -> Outcome:
    key = None if outcome.key == "-" else outcome.key
    session = colorizer.session
    return replace(outcome, key=key, model=session.description.name, provider=session.provider)


@contextmanager
def _in_words(path: str, kind: type[PhotochromError]) -> Iterator[None]:
    """Turns the store's exceptions into errors of `kind`."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except FileNotFoundError as error:
        raise kind(
            "there is no such object or bucket",
            file=path,
            kind="vanished" if kind is SourceError else "",
        ) from error
    except PermissionError as error:
        raise kind(f"the store refuses ({_first_line(error)})", file=path) from error
    except (OSError, BotoCoreError, ClientError) as error:
        raise kind(f"the store does not answer ({_first_line(error)})", file=path) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:160]
