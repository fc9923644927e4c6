"""The pages say what the program does: commands, links, the drawn house, the site."""

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from core.commands.main import photochrom
from core.errors import KINDS
from docs import make_house
from docs.make_reference import PAGE, page


def every_command() -> list[tuple[str, click.Command]]:
    found = []
    waiting: list[tuple[str, click.Group]] = [("", photochrom)]
    for prefix, group in waiting:
        context = click.Context(group)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            found.append((f"{prefix}{name}", command))
            if isinstance(command, click.Group):
                waiting.append((f"{prefix}{name} ", command))
    return found


COMMANDS = every_command()


def test_the_reference_page_is_up_to_date():
    assert PAGE.read_text() == page(), "run: python docs/make_reference.py"


@pytest.mark.parametrize("command", [c for _, c in COMMANDS], ids=[n for n, _ in COMMANDS])
def test_every_command_has_a_sentence_of_help_an_example_and_help_for_every_option(command):
    assert command.help and command.help.strip().endswith((".", ")"))
    assert (command.epilog or "").startswith("Example: photochrom ")
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name


def test_every_kind_of_error_stands_in_the_report_page_with_whether_to_try_again():
    rows = re.findall(
        r"^\| `([a-z-]+)` \|.*\| (yes|no) \|$", PAGE.with_name("report.md").read_text(), re.M
    )
    assert {kind: again == "yes" for kind, again in rows} == KINDS


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_every_file_that_a_document_links_to_exists(document):
    top = PAGE.parents[1]
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (top / document).read_text())
    assert [link for link in links if not Path(top, link).exists()] == []


def test_the_drawn_house_is_that_of_the_imports():
    assert make_house.PICTURE.read_text() == make_house.picture(), "run: python docs/make_house.py"


def test_the_site_is_built_without_a_warning_and_asks_nothing_of_the_net(tmp_path):
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "-d", tmp_path],
        cwd=PAGE.parents[1],
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    fetched = re.compile(
        r"<(?:script|link|img|iframe|source)\b[^>]*(?:src|href)=[\"']?(?:https?:)?//"
    )
    files = sorted(tmp_path.rglob("*.html"))
    assert {"index.html", "deploy.html", "card.html", "library.html"} <= {f.name for f in files}
    for file in files:
        found = fetched.search(file.read_text())
        assert not found, f"{file.name}: {found and found[0]}"
    assert (tmp_path / "examples/folder.py").is_file()


def test_every_command_in_the_readme_exists():
    words = re.findall(r"^photochrom ([a-z]+)", (PAGE.parents[1] / "README.md").read_text(), re.M)
    assert words and set(words) <= {name.split()[0] for name, _ in COMMANDS}
