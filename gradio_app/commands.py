"""`photochrom demo`: starts the local server and opens its page."""

from importlib.util import find_spec

import click

from core.commands.arguments import device_option, max_pixels_option_of
from core.errors import EXIT_DONE, ServiceError
from core.installation import how_to_install
from core.options import DEFAULT_MODEL
from core.system import available_processors
from gradio_app import discovery
from gradio_app.settings import DEFAULT_PORT, EVERY_ADDRESS, ServerSettings, is_loopback


@click.command(epilog="Example: photochrom demo --port 8000")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; any but this machine's own needs a token.",
)
@click.option(
    "--lan",
    is_flag=True,
    help="Let phones and other computers of your network in: prints the address, with a QR code "
    "that logs in once.",
)
@click.option(
    "--public-url",
    default="",
    metavar="URL",
    help="Where a proxy serves the page, such as https://photos.example/photochrom; every request "
    "then needs the token.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help=f"Port to listen on; 0 = any free one.  [default: {DEFAULT_PORT}, or the next free one]",
)
@click.option("--open/--no-open", "open_browser", default=True, help="Open the page in a browser.")
@click.option(
    "--token",
    envvar="PHOTOCHROM_TOKEN",
    default="",
    help="The secret that every request must carry, the page's too: needed for other machines (by "
    "default a new one each time), and worth giving where other users share this one. Better given "
    "in the environment variable PHOTOCHROM_TOKEN, which other users cannot see.",
)
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="Model to keep warm.")
@device_option
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    help="Pictures coloured at once.  [default: processors]",
)
@click.option(
    "--queue",
    type=click.IntRange(0, 10000),
    default=32,
    show_default=True,
    help="Requests that may wait; more are told to come again.",
)
@click.option(
    "--max-upload",
    type=click.IntRange(1),
    default=640,
    show_default=True,
    help="Largest body of a request, in MiB.",
)
@max_pixels_option_of(400)
@click.option(
    "--idle-exit",
    type=click.FloatRange(0),
    default=0,
    metavar="SECONDS",
    help="End after this long without a request or an open page.",
)
def demo(
    host: str,
    lan: bool,
    public_url: str,
    port: int | None,
    open_browser: bool,
    token: str,
    model: str,
    device: str,
    workers: int | None,
    queue: int,
    max_upload: int,
    max_pixels: int,
    idle_exit: float,
) -> int:
    """Colour photographs in the browser; also the server that GIMP and scripts talk to.

    Everything stays on this machine: nothing is sent anywhere and nothing is fetched. The progress
    of a queue's batches is a page of its workers: see worker --metrics-port.
    """
    _check_installed()
    from gradio_app import qr_code
    from gradio_app.network import lan_url, listen
    from gradio_app.server import open_page, serve

    host = host.strip("[]")
    if lan:
        if not is_loopback(host):
            raise click.UsageError("--lan listens on every address; leave --host out")
        host = EVERY_ADDRESS[0]
    needs_own_server = (
        port is not None or model != DEFAULT_MODEL or public_url or not (lan or is_loopback(host))
    )
    running = None if needs_own_server else discovery.find()
    if running is not None and token in ("", running.token):
        addresses = discovery.addresses_for_browsers(running)
        if not lan or "others" in addresses:
            url = f"http://127.0.0.1:{running.port}/"
            click.echo(f"photochrom runs already at {url} (process {running.pid})")
            if lan:
                qr_code.print_address(addresses["others"])
            elif open_browser:
                open_page(addresses["address"], patience=10.0)
            return EXIT_DONE
    settings = ServerSettings(
        host=host,
        public_url=public_url,
        show_code=lan,
        port=DEFAULT_PORT if port is None else port,
        token=token or _new_token(),
        ask_token=bool(token),
        model=model,
        device=device,
        workers=workers or available_processors(),
        queue=queue,
        max_upload=max_upload << 20,
        max_pixels=max_pixels,
        idle_exit=idle_exit,
    )
    if lan and not lan_url(settings):
        raise ServiceError(
            "this machine is in no network by which others could reach it",
            remedy="connect it, or give its address with --host",
        )
    listeners = listen(settings.host, settings.port, try_next=port is None)
    serve(settings, listeners, open_browser=open_browser)
    return EXIT_DONE


def _new_token() -> str:
    import secrets

    return secrets.token_urlsafe(24)


def _check_installed() -> None:
    missing = [name for name in ("fastapi", "gradio", "uvicorn") if find_spec(name) is None]
    if missing:
        raise ServiceError(
            f"the local server needs {' and '.join(missing)}",
            remedy=how_to_install("demo"),
        )
