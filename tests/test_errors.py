"""`core.errors`: one line that names the file and the remedy, a closed list of kinds."""

import pickle

import pytest

from core import errors
from core.errors import KINDS, Failure, PhotochromError, SourceError, nearest


def every_error_class() -> list[type[PhotochromError]]:
    found = [PhotochromError]
    for cls in found:
        found += cls.__subclasses__()
    return found


@pytest.mark.parametrize("cls", every_error_class())
def test_every_class_has_a_known_kind_and_an_exit_code_of_the_contract(cls):
    assert cls.kind in KINDS
    assert cls.exit_code in (1, 2, 3, 130)


def test_the_line_names_the_file_what_is_wrong_and_what_to_do():
    error = SourceError("is cut short", file="a.jpg", remedy="copy it again", kind="truncated")
    assert str(error) == "a.jpg: is cut short; copy it again"
    assert error.message == "is cut short; copy it again"


def test_a_name_with_newlines_or_undecodable_bytes_stays_on_one_line():
    error = SourceError("cannot be read", file="a\nb\udcff\x1b[31m\x9b.jpg")
    assert str(error) == "a\\x0ab\\udcff\\x1b[31m\\x9b.jpg: cannot be read"
    str(error).encode("ascii")


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError):
        PhotochromError("something", kind="bad-luck")


def test_an_error_crosses_a_process_boundary_whole():
    error = SourceError("is cut short", file="a.jpg", remedy="copy it again", kind="truncated")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is SourceError
    assert (str(copy), copy.kind) == (str(error), "truncated")


def test_trying_again_can_help_against_a_full_disk_but_not_against_a_text_file():
    assert PhotochromError("full", kind="destination").may_be_retried
    assert not PhotochromError("text", kind="not-an-image").may_be_retried


def test_a_failure_tells_memory_and_defects_apart():
    assert Failure.of(MemoryError()).kind == "out-of-memory"
    assert Failure.of(KeyError("x")) == Failure("internal", "KeyError: 'x'")


def test_the_nearest_word_is_suggested_else_all_are_named():
    assert nearest("vivdness", ["side", "vividness"]) == "did you mean 'vividness'?"
    assert nearest("zzz", ["side", "vividness"]) == "there is: side, vividness"
    assert errors.nearest("x", []) == "there is: none"


@pytest.mark.parametrize(
    "code", [0x0A, 0x1B, 0x85, 0x9B, 0x2028, 0x2029, 0x202E, 0x2066, 0x200F], ids=hex
)
def test_a_name_can_neither_steer_the_terminal_nor_read_backwards(code):
    """`photo<202E>gpj.exe` is shown as photoexe.jpg."""
    said = str(SourceError("it is no file", file=f"photo{chr(code)}gpj.exe"))
    assert chr(code) not in said
    assert f"{code:x}gpj.exe" in said


def test_letters_and_spaces_of_all_languages_stay_as_they_are():
    name = "Großmutter\u202f1931 – שלום 漢字 é e\u0301 👵🏽.jpg"
    assert str(SourceError("it is no file", file=name)).startswith(name)
