"""What the page says of failures and of time, in words for people."""

import re

import pytest

from core.errors import KINDS, Failure
from core.image.faults import damaged, unsupported
from gradio_app.page.words import plain, time_left


@pytest.mark.parametrize("kind", KINDS)
def test_no_failure_names_a_library_or_an_option_of_a_command(kind):
    text = plain(
        Failure(kind, "it fails (VipsJpeg: premature end (3)); give --max-pixels 1 for it")
    )
    assert not re.search("[Vv]ips|--|;", text)
    assert text[0].isupper() and text.endswith(".") and ".." not in text


def test_what_may_help_is_said():
    huge = Failure(
        "too-large",
        "it has 60,000 x 60,000 pixels, more than the limit of 400,000,000; raise the limit with "
        "--max-pixels if you trust the file",
    )
    assert plain(huge) == (
        "It has 60,000 x 60,000 pixels, more than the limit of 400,000,000. Make it smaller, and "
        "try again."
    )
    assert "damaged" in plain(damaged("VipsJpeg: out of data", "a.jpg"))
    assert "12 bits" in plain(unsupported("it is a JPEG of 12 bits a sample", "a.jpg"))
    heic = Failure("unsupported", "it is an HEIC picture, which is not read; convert it to TIFF")
    assert "Most Compatible" in plain(heic)


@pytest.mark.parametrize(
    ("seconds", "says"),
    [
        (3, "less than a minute left"),
        (70, "about 1 minute left"),
        (1000, "about 17 minutes left"),
        (9000, "about 2 hours left"),
    ],
)
def test_time_is_told_as_roughly_as_it_is_known(seconds, says):
    assert time_left(seconds) == says
