"""What the page says in sentences; everything longer than a label stands here."""

from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gradio_app.page.batch import Batch

HEADER: Final = """
<header class="masthead">
  <h1>photochrom</h1>
  <p>Colour for black-and-white photographs. The lightness stays the photographer's, the file keeps
  its size, depth and metadata, and nothing leaves this machine.</p>
</header>
"""

CHOOSE: Final = "Drop a photograph here, paste it, or choose a file"

HINTS: Final = (
    "Pick a colour, paint over a part of the picture: the model takes it as a hint and colours the "
    "rest to match. A short dab is often enough."
)

CANNOT_KNOW: Final = """
## What a colorizer cannot know

A black-and-white photograph holds how light each thing was. Which colour it had is not in it, and
no program can get it back. What you see here is a likely colour: what a network learned from many
colour photographs about things that look like these.

- **Grass, sky, skin, wood** look alike in most photographs, and come out well more often than not.
- **Clothes, paint, flags, uniforms, cars, eyes** could have had any colour. The model chooses a
  quiet one. If you know better, paint a hint.
- **People**: a skin tone here is a guess from lightness and surroundings. It says nothing about
  who somebody was.
- **As evidence it is worth nothing.** Do not decide from these colours what something was made of,
  whose uniform it was, or when it was taken.

What is certain: the lightness of every pixel is that of your file. Turn vividness to 0 and you have
it back. The result says in its metadata that its colours come from a model, and from which one, so
that nobody need mistake it for a colour photograph.
"""

BATCH: Final = (
    "Drop many photographs, get one ZIP. Every file comes back in its own format, at full size, "
    "with its metadata. What fails is listed with its reason, and does not stop the others."
)


def status(megapixels: float, about: str, pages: int, seconds: float, model: str, provider: str):
    """The line under a picture: what it is, who coloured it, on what, and how long that took."""
    paged = f" &middot; page 1 of {pages}; the download has all" if pages > 1 else ""
    return (
        f'<p class="status" role="status">{megapixels:.1f} megapixels, {escape(about)}{paged} '
        f"&middot; coloured in {_duration(seconds)} by <b>{escape(model)}</b> on "
        f"<b>{escape(provider)}</b></p>"
    )


def looking(done: int, whole: int) -> str:
    """What stands under the dials while the network looks again from nearer."""
    return (
        f'<p class="status">Looking from nearer, {done} of {whole} '
        f'<progress value="{done}" max="{whole}" aria-label="Looking from nearer"></progress></p>'
    )


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def batch_report(batch: "Batch") -> str:
    """The batch so far: how many are done, which failed and why, and the ZIP when it is ready."""
    rest = (
        " &middot; stopped; Colour them does the rest" if batch.address and batch.is_stopped else ""
    )
    parts = [f'<p class="status" role="status">{len(batch.done)} of {batch.whole} done{rest}</p>']
    if batch.address:
        parts.append(
            f'<p><a class="zip" href="{escape(batch.address)}" download>Download the ZIP</a></p>'
        )
    if batch.failures:
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{escape(why)}</td></tr>"
            for name, why in batch.failures
        )
        parts.append(
            f'<table class="failures"><caption>Not coloured</caption><tbody>{rows}</tbody></table>'
        )
    return "".join(parts)
