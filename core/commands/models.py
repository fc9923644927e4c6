"""`photochrom models`: which models there are, what their cards say, adding and removing."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from core.commands.arguments import ReadPath, json_option_of
from core.commands.groups import EntryPointGroup
from core.errors import EXIT_DONE, EXIT_SOME_FAILED, ModelError


@click.group(
    cls=EntryPointGroup, entries="photochrom.models", epilog="Example: photochrom models list"
)
def models() -> None:
    """List, show, import, convert and remove models."""


@models.command("list", epilog="Example: photochrom models list --json")
@json_option_of("Print one JSON line a model.")
def list_models(as_json: bool) -> int:
    """List the models by name: bundled ones and your own."""
    from core.model.header import description_of
    from core.model.store import installed

    failed = False
    for found in installed():
        try:
            description = description_of(found.path)
        except ModelError as error:  # the others are there all the same
            failed = True
            click.echo(f"photochrom: {error}", err=True)
            continue
        facts = {
            "name": found.name,
            "version": description.version,
            "side": description.side,
            "hints": description.takes_hints,
            "bundled": found.bundled,
            "bytes": found.path.stat().st_size,
            "license": description.license,
            "origin": description.origin,
            "cost": description.cost,
        }
        if as_json:
            click.echo(json.dumps(facts))
        else:
            click.echo(
                f"{found.name}  {description.version}  {facts['bytes'] / 1e6:.1f} MB  "
                f"side {description.side}  {'takes hints' if description.takes_hints else ''}"
                f"{'  bundled' if found.bundled else ''}"
            )
            if description.origin:  # a guest: whose work, under which licence, at which cost
                click.echo(
                    f"    {description.origin}; {description.license}; {description.cost} a look"
                )
    return EXIT_SOME_FAILED if failed else EXIT_DONE


@models.command("info", epilog="Example: photochrom models info photochrom-lite")
@click.argument("model")
@json_option_of("Print the metadata as JSON.")
def info_model(model: str, as_json: bool) -> int:
    """Show a model's card: data, licences, figures, what it gets wrong."""
    from core.model.header import description_of
    from core.model.session import sha256_of
    from core.model.store import resolve

    path = resolve(model)
    description, digest = asdict(description_of(path)), sha256_of(path)
    if as_json:
        click.echo(json.dumps(description | {"sha256": digest, "path": str(path)}))
        return EXIT_DONE
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console()
    console.print(f"{path}\nsha256 {digest}", markup=False, highlight=False, soft_wrap=True)
    for key in ("name", "version", "license", "side", "multiple", "stride", "training"):
        console.print(f"{key}: {description[key]}", markup=False, highlight=False, soft_wrap=True)
    console.print(Markdown(description["card"]))
    return EXIT_DONE


@models.command("import", epilog="Example: photochrom models import flagship.onnx")
@click.argument("file", type=ReadPath(path_type=Path))
def import_a_model(file: Path) -> int:
    """Check a model file and add it to your own models, under its own name."""
    from core.model.store import import_model

    added = import_model(file)
    click.echo(f"{added.name}: imported; use it with --model {added.name}")
    return EXIT_DONE


@models.command("remove", epilog="Example: photochrom models remove flagship")
@click.argument("name")
def remove_a_model(name: str) -> int:
    """Remove one of your own models."""
    from core.model.store import remove

    click.echo(f"{remove(name).path}: removed")
    return EXIT_DONE
