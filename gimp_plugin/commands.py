"""`photochrom gimp`: puts the plug-in into GIMP 3, takes it out, and says what is wrong with it."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from core.commands.arguments import WrittenPath
from core.errors import (
    EXIT_DONE,
    EXIT_MACHINE,
    DestinationError,
    NotInstalled,
    OptionsError,
    PhotochromError,
    ServiceError,
)

_profile_option = click.option(
    "--profile",
    type=WrittenPath(file_okay=False, path_type=Path),
    help="A GIMP 3 profile folder, such as ~/.config/GIMP/3.0.  [default: all that are found]",
)


@click.group(epilog="Example: photochrom gimp install")
def gimp() -> None:
    """Colour layers in GIMP 3: Filters > Photochrom."""


@gimp.command(epilog="Example: photochrom gimp install --profile ~/.config/GIMP/3.0")
@_profile_option
def install(profile: Path | None) -> int:
    """Copy the plug-in into GIMP's profile folders; start GIMP again afterwards."""
    from gimp_plugin.installer import install as install_into
    from gimp_plugin.recorded_server import lacks

    refused: list[PhotochromError] = []
    for chosen in _chosen(profile):
        try:
            click.echo(f"{install_into(chosen)}: installed")
        except DestinationError as error:
            refused.append(error)
    absent, remedy = lacks()
    if absent:
        refused.append(NotInstalled(f"its server needs {' and '.join(absent)}", remedy=remedy))
    else:
        _compile_kernels()
    for error in refused[:-1]:
        click.echo(error.message, err=True)
    if refused:
        raise refused[-1]
    click.echo("Start GIMP again; the entry is Filters > Photochrom > Colorize Layer…")
    return EXIT_DONE


def _compile_kernels() -> None:
    """The first colouring of a new user would wait for it, 12 to 15 s."""
    from core.colour.kernels import warm

    click.echo("Compiling the colour kernels; the first time takes a quarter of a minute…")
    warm()


@gimp.command(epilog="Example: photochrom gimp uninstall")
@_profile_option
def uninstall(profile: Path | None) -> int:
    """Remove the plug-in from GIMP's profile folders; nothing else there is touched."""
    from gimp_plugin.installer import folder_in
    from gimp_plugin.installer import uninstall as remove_from
    from gimp_plugin.profiles import profiles

    chosen = [profile] if profile else profiles()
    removed = [path for path in chosen if remove_from(path)]
    for path in removed:
        click.echo(f"{folder_in(path)}: removed")
    if not removed:
        click.echo("The plug-in is not installed")
    return EXIT_DONE


@gimp.command(epilog="Example: photochrom gimp doctor")
@_profile_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line a check.")
def doctor(profile: Path | None, as_json: bool) -> int:
    """Say in plain words what is wrong between GIMP, the plug-in and the server, with the fix."""
    from gimp_plugin.doctor import examine

    works = True
    for check in examine(profile):
        works &= check.works
        if as_json:
            click.echo(json.dumps(asdict(check)))
            continue
        click.echo(f"{'ok  ' if check.works else 'FAIL'} {check.name}: {check.says}")
        if check.remedy and not check.works:
            click.echo(f"       fix: {check.remedy}")
    return EXIT_DONE if works else EXIT_MACHINE


def _chosen(profile: Path | None) -> list[Path]:
    """The profiles to install into; one is made for a GIMP 3 that was never started."""
    from gimp_plugin.profiles import gimps, older_profiles, profile_of, profiles

    if profile:
        if profile.name.startswith("2."):
            raise OptionsError(
                f"{profile} is a profile of GIMP 2, whose Python is Python 2",
                remedy="install GIMP 3; it stands beside the old one",
            )
        if not profile.is_dir() and not profile.parent.is_dir():
            raise OptionsError(f"{profile} is no folder", remedy="start GIMP 3 once; it makes it")
        return [profile]
    found = profiles()
    if found:
        return found
    installed = [program for program in gimps() if program.version >= (3,)]
    if installed:
        return [profile_of(installed[0].version)]
    raise ServiceError(
        "only GIMP 2.10 is here" if older_profiles() else "no GIMP 3 is here",
        remedy="install GIMP 3, or name its profile folder with --profile",
    )
