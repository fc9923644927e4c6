"""The page's own style sheets, scripts and templates, as files beside this one."""

from pathlib import Path


def text_of(name: str) -> str:
    """The text of an asset."""
    return Path(__file__).with_name(name).read_text("utf-8")
