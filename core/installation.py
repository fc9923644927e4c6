"""Finds out how this program was installed, so that the commands it advises work here.

A checkout, a wheel, an index, pipx and uv each want another command for the same extra.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from core.errors import NotInstalled

_NAME: Final = "photochrom"
#: Modules that are not called as the distribution that brings them.
_BROUGHT_BY: Final = {"PIL": "pillow", "redis": "celery", "multipart": "python-multipart"}
#: ONNX Runtime's builds share one module: each must be alone.
_RUNTIMES: Final = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml")


def how_to_install(*extras: str) -> str:
    """The command that adds extras of this program to the environment that it runs in."""
    runtimes = [name for name in _RUNTIMES if name in _distributions_of(extras)]
    return runtime_first(
        runtimes[0] if runtimes else "", "install", *_requirement(",".join(extras))
    )


def missing(*extras: str) -> list[str]:
    """The distributions that extras of this program bring and that are not installed, by name.

    Builds of ONNX Runtime stand for each other.
    """
    runtime = next(filter(_is_installed, _RUNTIMES), "")
    distributions = sorted(_distributions_of(extras))
    return [
        name
        for name in distributions
        if not (runtime and name in _RUNTIMES) and not _is_installed(name)
    ]


def how_to_install_runtime(name: str) -> str:
    """The command that puts a build of ONNX Runtime in the place of the one that is there."""
    return runtime_first(name, "install", name)


def runtime_first(runtime: str, *words: str) -> str:
    """`pip_command(*words)`, after the removal of other builds of ONNX Runtime than `runtime`."""
    others = [name for name in _RUNTIMES if runtime and name != runtime and _is_installed(name)]
    removal = [pip_command("uninstall", "-y", *others)] if others else []
    return " && ".join([*removal, pip_command(*words)])


def pip_command(*words: str) -> str:
    """A command line of pip's, or of what stands in its place, for this environment."""
    prefix = Path(sys.prefix)
    if (prefix / "pipx_metadata.json").exists():
        command = ["pipx", "runpip", prefix.name]
    elif find_spec("pip") is None:
        words = tuple(word for word in words if word != "-y")  # uv asks nothing
        command = ["uv", "pip", words[0], "--python", sys.executable]
        words = words[1:]
    else:
        command = [sys.executable, "-m", "pip"]
    parts = [*command, *words]
    return subprocess.list2cmdline(parts) if os.name == "nt" else shlex.join(parts)


def not_installed(error: ModuleNotFoundError) -> NotInstalled | None:
    """What to say where a module of an extra is missing; None for a module of no extra's."""
    module = (error.name or "").partition(".")[0]
    name = _normal(_BROUGHT_BY.get(module, module))
    found = [extra for extra in _extras() if name in _distributions_of([extra])]
    if not found:
        return None
    return NotInstalled(
        f"{module} is not installed, which the extra {found[0]} brings",
        remedy=how_to_install(found[0]),
    )


def _requirement(extras: str) -> list[str]:
    """What pip is asked for: this program, from where it came, with its extras."""
    url, details = _origin()
    if url.startswith("file:"):
        path = Path(url2pathname(urlsplit(url).path))
        if not path.exists():  # the wheel is gone: what the extras need can be had all the same
            return _requirements_of(extras.split(","))
        if "dir_info" in details:
            editable = ["-e"] if details["dir_info"].get("editable") else []
            return [*editable, f"{path}[{extras}]"]
    if url:
        scheme = "".join(f"{vcs}+" for vcs in [details.get("vcs_info", {}).get("vcs")] if vcs)
        commit = details.get("vcs_info", {}).get("commit_id")
        return [f"{_NAME}[{extras}] @ {scheme}{url}" + (f"@{commit}" if commit else "")]
    return [f"{_NAME}[{extras}]"]


def _origin() -> tuple[str, dict[str, Any]]:
    """(URL, details) of what was installed (PEP 610); '' where it came from an index."""
    found = _distribution()
    text = found.read_text("direct_url.json") if found else None
    details = json.loads(text) if text else {}
    return details.get("url", ""), details


def _distribution() -> Distribution | None:
    try:
        return distribution(_NAME)
    except PackageNotFoundError:  # run from a folder of its source
        return None


def _extras() -> list[str]:
    found = _distribution()
    return (found.metadata.get_all("Provides-Extra") or []) if found else []


def _requirements_of(extras: "list[str] | tuple[str, ...]") -> list[str]:
    found = _distribution()
    marks = [re.compile(rf"extra == ['\"]{re.escape(extra)}['\"]") for extra in extras]
    return [
        requirement.partition(";")[0].strip()
        for requirement in (found.requires or [] if found else [])
        if any(mark.search(requirement.partition(";")[2]) for mark in marks)
    ]


def _distributions_of(extras: "list[str] | tuple[str, ...]") -> list[str]:
    names = (re.match(r"[A-Za-z0-9._-]+", text) for text in _requirements_of(extras))
    return [_normal(name[0]) for name in names if name]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
