"""Writes docs/reference.md from the commands themselves: `python docs/make_reference.py`."""

from pathlib import Path

import click

from core.commands.main import photochrom

PAGE = Path(__file__).with_name("reference.md")

HEAD = """# Reference: every command and option

Made from the commands' own help by `python docs/make_reference.py`; a test compares the two.

Exit codes: 0 all done · 1 some file failed, the others are done · 2 the command line is wrong,
nothing was touched · 3 the machine lacks something (model, provider, Redis, GIMP) · 130
interrupted, can be run again.

Shell completion: `eval "$(_PHOTOCHROM_COMPLETE=bash_source photochrom)"` (or `zsh_source`,
`fish_source`).
"""


def page() -> str:
    """The page's text."""
    root = click.Context(photochrom, info_name="photochrom")
    chapters = [_chapter(command, root, name) for name, command in _commands(photochrom, root)]
    return "\n".join([HEAD, *chapters])


def _commands(group: click.Group, context: click.Context):
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, name
        yield name, command


def _chapter(command: click.Command, parent: click.Context, name: str) -> str:
    context = click.Context(command, info_name=name, parent=parent)
    lines = [f"## `{context.command_path}`", "", command.help or "", ""]
    if isinstance(command, click.Group):
        inner = [_chapter(sub, context, sub_name) for sub_name, sub in _commands(command, context)]
        return "\n".join([*lines, *inner])
    lines += ["```", command.get_usage(context), "```", ""]
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record and "--help" not in record[0]:
            lines.append(f"- `{record[0]}` {' '.join(record[1].split())}")
    if command.epilog:
        example = command.epilog.removeprefix("Example: ")
        lines += ["", "```", example, "```"]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    PAGE.write_text(page())
