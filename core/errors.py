"""The tree of errors: what went wrong, with which file, what to do about it.

Every error that a person may meet is raised as one of these. `kind` comes from the closed list
`KINDS` (contract 5: it stands in report lines and in the queue's ledger) and says by itself
whether trying again can help.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

#: kind -> can the same job succeed when it is simply tried again?
KINDS: Final[dict[str, bool]] = {
    "unreadable": True,  # the operating system refuses or fails to read: permissions, network drive
    "vanished": True,  # the file was there when the work was planned, and is not any more
    "changed": True,  # the file changed while it was read
    "not-an-image": False,  # the bytes are no picture of a known format
    "truncated": False,  # a picture whose end, or whose middle, is missing or damaged
    "too-large": False,  # more pixels than the limit
    "unsupported": False,  # a picture of a known format with a feature that cannot be read
    "destination": True,  # the result cannot be written: missing, read-only, full
    "exists": False,  # another file stands where the result should go
    "conflict": False,  # two sources would be written to one result, or a source over itself
    "hints": False,  # the hints are malformed, outside the picture, or not for this model
    "options": False,  # an option has a value outside its range
    "outside-roots": False,  # a worker was asked for a file that it may not touch
    "model": False,  # the model file is refused, or answered with something that is no colour
    "out-of-memory": True,  # the machine had too little memory at that moment
    "provider": False,  # the execution provider asked for does not load on this machine
    "service": True,  # Redis, the local server or GIMP does not answer
    "interrupted": True,  # the work was stopped by the user or the system
    "killed-its-worker": False,  # the process that coloured it died, several times
    "internal": False,  # a defect of this program
}

EXIT_DONE: Final = 0
EXIT_SOME_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_MACHINE: Final = 3
EXIT_INTERRUPTED: Final = 130


class PhotochromError(Exception):
    """Root of the tree. `kind` is a key of `KINDS`, `exit_code` one of contract 5.

    Parameters: `what` says what is wrong in one clause; `file` which file (or None); `remedy`
    what to do, as an imperative sentence without a full stop (or "").
    """

    kind: str = "internal"
    exit_code: int = EXIT_SOME_FAILED

    def __init__(self, what: str, *, file: object = None, remedy: str = "", kind: str = "") -> None:
        self.what = what
        self.file = None if file is None else str(file)
        self.remedy = remedy
        if kind:
            if kind not in KINDS:
                raise ValueError(f"unknown kind of error: {kind}")
            self.kind = kind
        super().__init__(str(self))

    @property
    def may_be_retried(self) -> bool:
        """Whether the same job can succeed when it is tried again."""
        return KINDS[self.kind]

    @property
    def message(self) -> str:
        """What is wrong and what to do, without the file's name (the report line has it apart)."""
        return f"{self.what}; {self.remedy}" if self.remedy else self.what

    def __str__(self) -> str:
        """One line: the file (control characters escaped), what is wrong, what to do."""
        return printable(self.message if self.file is None else f"{self.file}: {self.message}")

    def __reduce__(self):
        return _rebuild, (type(self), self.what, self.file, self.remedy, self.kind)


def printable(text: str) -> str:
    """`text` on one line of valid UTF-8: a file's name may hold newlines and undecodable bytes."""
    return text.encode("utf-8", "backslashreplace").decode().translate(_ESCAPES)


#: Both sets of control characters (some terminals obey the second one too), and what begins a new
#: line or turns the direction of writing round, so that "gpj.exe" reads "exe.jpg".
_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
_ESCAPES |= {
    code: f"\\u{code:04x}"
    for code in (0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))
}


def _rebuild(cls, what, file, remedy, kind):
    return cls(what, file=file, remedy=remedy, kind=kind)


class SourceError(PhotochromError):
    """The source cannot be read as a picture; the file's own fault or its disk's."""

    kind = "unreadable"


class DestinationError(PhotochromError):
    """The result cannot be put where it should go. Nothing half-written is left there."""

    kind = "destination"


class HintsError(PhotochromError):
    """The hints are malformed, lie outside the picture, or the model takes none."""

    kind = "hints"


class OptionsError(PhotochromError):
    """An option has an unknown name or a value outside its range; nothing was touched."""

    kind = "options"
    exit_code = EXIT_USAGE


class ModelError(PhotochromError):
    """The model file is missing, foreign, damaged, too new, or answers with no colour."""

    kind = "model"
    exit_code = EXIT_MACHINE


class ProviderError(PhotochromError):
    """The execution provider that was asked for does not load; says what to install."""

    kind = "provider"
    exit_code = EXIT_MACHINE


class ServiceError(PhotochromError):
    """A service beside this program (Redis, the local server, GIMP) is absent or refuses."""

    kind = "service"
    exit_code = EXIT_MACHINE


class NotInstalled(PhotochromError):
    """A command needs an extra that is not installed; says how to install it here."""

    kind = "service"
    exit_code = EXIT_MACHINE


class InterruptedJob(PhotochromError):
    """The work was cancelled; nothing half-written is left and it can be run again."""

    kind = "interrupted"
    exit_code = EXIT_INTERRUPTED


@dataclass(frozen=True, slots=True)
class Failure:
    """What a report line says of a failure: `kind` of `KINDS` and the `message` for a person."""

    kind: str
    message: str

    @classmethod
    def of(cls, error: BaseException) -> "Failure":
        """The failure that stands for `error`; what is not ours is told by its type."""
        if isinstance(error, PhotochromError):
            return cls(error.kind, error.message)
        if isinstance(error, MemoryError):
            return cls("out-of-memory", "not enough memory; run fewer jobs at once")
        return cls("internal", f"{type(error).__name__}: {error}")


def nearest(word: str, known: Sequence[str]) -> str:
    """'did you mean X?', or the list of what there is, for an error's remedy."""
    close = get_close_matches(word, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"there is: {', '.join(known) or 'none'}"
