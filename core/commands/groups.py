"""Groups of commands that other rooms add to, through entry points: `core` names none of them."""

from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click

from core.errors import nearest


class EntryPointGroup(click.Group):
    """A group whose commands come from the entry points of the group `entries`, beside its own."""

    def __init__(self, *args: Any, entries: str, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._entries = entries

    def _found(self) -> dict[str, EntryPoint]:
        return {entry.name: entry for entry in entry_points(group=self._entries)}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*self._found(), *super().list_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = self._found().get(cmd_name)
        if entry is None:
            return super().get_command(ctx, cmd_name)
        try:
            return entry.load()
        except ModuleNotFoundError as error:
            return _without_its_extra(cmd_name, error)

    def resolve_command(self, ctx: click.Context, args: list[str]):
        name = args[0]
        if not name.startswith("-") and name not in self.list_commands(ctx):
            ctx.fail(f"no such command {name!r}; {nearest(name, self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)


def _without_its_extra(name: str, error: ModuleNotFoundError) -> click.Command:
    """A command that cannot be imported: it has its line in the help, and fails when it is run."""

    @click.command(
        name,
        help="Not installed.",
        add_help_option=False,
        context_settings={"ignore_unknown_options": True},
    )
    @click.argument("words", nargs=-1, type=click.UNPROCESSED)
    def command(words: tuple[str, ...]) -> None:
        raise error

    return command
