"""The sentences of the page; everything longer than a label stands here."""

import re
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Final

from core.errors import Failure
from core.options import Options
from gradio_app.problems import Refused

if TYPE_CHECKING:
    from gradio_app.page.batch import Key, ZipBatch
    from gradio_app.page.film_progress import FilmProgress

HEADER: Final = """
<header class="masthead">
  <h1>photochrom</h1>
  <p>Colour for black-and-white photographs. Light and shadow stay the photographer's, the file
  keeps its size and its details, and nothing leaves this machine.</p>
</header>
"""

CHOOSE: Final = "Choose a photograph, drop it anywhere in this window, or paste it"
CHOOSE_MANY: Final = "Choose photographs, or drop them anywhere in this window"
CHOOSE_FOR_VOTE: Final = "Choose the photographs, or drop them anywhere in this window"
EXAMPLES: Final = "Or try one of these"
#: An example's file -> what is to be seen in it.
EXAMPLE_NAMES: Final = {
    "astronaut": "Portrait",
    "camera": "Man with a camera",
    "chelsea": "Cat",
    "coffee": "Coffee",
    "rocket": "Rocket",
}

HINTS: Final = (
    "Pick a colour and paint over a part of a thing; the colour goes up to its edges. A short "
    "dab is often enough. Two fingers, or the wheel, zoom."
)
SIDE: Final = "Its short side; more is not always better"
VIVIDNESS: Final = "0 is the photograph as it was"
#: Option, label and explanation.
DIALS: Final = (
    ("warmth", "Warmth", "Toward blue or toward yellow; grays stay gray"),
    ("tint", "Tint", "Toward green or toward red; grays stay gray, skin nearly as it is"),
    ("calm", "Calm", "Takes blotches away, up to the edges of things"),
    (
        "reach",
        "Reach of painted colours",
        "0 = only where you painted, 1 = as usual, 2 = twice as far",
    ),
)
SMALL_FACES: Final = "Looks again from nearer, as in a group; takes about ten times as long"
VOTE: Final = (
    "Which colours do people like better? Photographs are coloured in two ways and shown without "
    "saying which is which; who won is told at the end. Everybody who can open this page can vote."
)
OWN_PICTURES: Final = (
    "Results of another program, or of an earlier day: one for each photograph, named like it."
)
NO_PHOTOGRAPHS: Final = "Open a photograph, or choose some here, to vote on"
NOTHING_COMPARED: Final = (
    "There is nothing to vote on: no photograph has a whole picture from both ways. Pictures that "
    "were coloured elsewhere need the names of their photographs"
)
ALIKE: Final = "Both ways are set alike: change one of them, then there is something to compare"

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

What is certain: only colour is added, light and shadow stay as they are in your file. In TIFF and
PNG that holds for every pixel, within what the file's steps can hold; a JPEG is compressed anew,
which changes fine grain a little, as saving a JPEG always does. The result says in its metadata
that its colours come from a model, and from which one, so that nobody need mistake it for a colour
photograph.
"""

BATCH: Final = (
    "Many photographs in, one ZIP out. Every file comes back in its own format, at full size, with "
    "its metadata. What fails is listed with its reason, and does not stop the others."
)

CHOOSE_FILM: Final = "Choose a film, or drop it anywhere in this window"
FILM: Final = (
    "A black-and-white film in, the same film in colour out, without flicker: its sound, subtitles "
    "and times stay. Three frames are shown at once; look at them, then have the rest coloured."
)
FILM_STOPPED: Final = '<p class="status" role="status">Stopped; nothing of it is kept.</p>'


def status(megapixels: float, format: str, pages: int, seconds: float) -> str:
    """The line under a picture: what it is, and how long its colours took."""
    paged = f" &middot; page 1 of {pages}; the download has all" if pages > 1 else ""
    return (
        f'<p class="status" role="status">{escape(format)}, {megapixels:.1f} megapixels{paged} '
        f"&middot; coloured in {duration(seconds)}</p>"
    )


def facts(width: int, height: int, depth: int, model: str, provider: str) -> str:
    """What a few people want to know of a picture and of who coloured it."""
    return (
        f'<p class="status">{width:,} &times; {height:,} pixels, {depth} bits a channel. Coloured '
        f"by <b>{escape(model)}</b> on <b>{escape(provider)}</b>.</p>"
    )


def way(options: Options, models: Sequence[str]) -> str:
    """How a picture is coloured, in words; the model's name where there are several `models`."""
    parts = [options.model] if len(models) > 1 else []
    parts.append(f"vividness {options.vividness:g}")
    if options.side:
        parts.append(f"seen at {options.side} px")
    if options.detail > 1:
        parts.append("small faces")
    for name in ("warmth", "tint", "calm"):
        if value := getattr(options, name):
            parts.append(f"{name} {value:g}")
    return ", ".join(parts)


def vote_is_ready(address: str, pairs: int, left_out: int) -> str:
    """Where people vote, on how many pairs of pictures."""
    count = "1 pair of pictures" if pairs == 1 else f"{pairs} pairs of pictures"
    missing = f" {left_out} left out: damaged, or missing from one way." if left_out else ""
    return (
        f'<p class="status" role="status">Ready: {count} to vote on.{missing}</p>'
        f'<p><a class="zip" href="{escape(address)}" target="_blank">Vote</a></p>'
    )


_LIBRARY: Final = re.compile(r" \([^()]*(?:\([^()]*\)[^()]*)*\)")
_OPTION: Final = re.compile(r"[;,][^;,]*--\w[^;,]*")
_HEIC_ADVICE: Final = (
    "This is an HEIC picture, as iPhones take them, and this machine cannot read it. Send it to "
    "yourself as JPEG, or choose Settings > Camera > Formats > Most Compatible on the phone"
)


def plain(error: BaseException | Failure) -> str:
    """What went wrong, as a sentence for people: no library's name, no option of a command."""
    if isinstance(error, Refused):
        return _sentence(error.detail)
    failure = error if isinstance(error, Failure) else Failure.of(error)
    text = _OPTION.sub("", _LIBRARY.sub("", failure.message))
    if failure.kind == "truncated":
        return (
            "This picture is damaged, or did not come whole. If there is another copy, take that."
        )
    if failure.kind == "not-an-image":
        return "This is not a picture, or is one of a kind that is not known here."
    if failure.kind == "too-large":
        return f"{_sentence(text)} Make it smaller, and try again."
    if failure.kind == "out-of-memory":
        return "This machine has too little memory for it at the moment. Try again in a while."
    if failure.kind == "unsupported" and re.search("an HEI[CF] picture", failure.message):
        return _sentence(_HEIC_ADVICE)
    return _sentence(text)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def plain_of_film(error: BaseException) -> str:
    """`plain` for a film."""
    kind = getattr(error, "kind", "")
    if kind == "truncated":
        return "Nothing of this film can be read: it is damaged, or did not come whole."
    if kind == "not-an-image":
        return "This is not a film, or is one of a kind that is not known here."
    return plain(error)


def film_frames(frames: Sequence[tuple[float, str, str]]) -> str:
    """Frames of a film, before and after: seconds, and the addresses of both pictures."""
    return _frames([(moment(seconds), before, after) for seconds, before, after in frames])


def film_report(progress: "FilmProgress") -> str:
    """How far a film is, with its latest frame; at the end where it can be fetched."""
    if progress.address:
        notes = "".join(f"<p class='note'>{escape(note)}</p>" for note in progress.notes)
        address = escape(progress.address)
        player = (
            f'<video class="film" controls preload="metadata" poster="{escape(progress.pair[1])}" '
            f'src="{address}"></video>'
            if progress.is_playable
            else ""
        )
        return (
            f'<p class="status" role="status">{progress.done} frames coloured</p>'
            f'<p><a class="zip" href="{address}" download>Download the film</a></p>{player}{notes}'
        )
    if not progress.frames:
        return '<p class="status" role="status">Reading the film</p>'
    line = [f"{progress.done} of {progress.frames} frames"]
    if progress.done:
        left = max(progress.frames - progress.done, 0) / progress.rate
        line += [f"{progress.rate:.1f} a second", time_left(left)]
    shown = _frames([("Now", *progress.pair)]) if progress.pair[1] else ""
    bar = (
        f'<progress value="{progress.done}" max="{progress.frames}" aria-label="Frames"></progress>'
    )
    return f'<p class="status" role="status">{" &middot; ".join(line)}</p>{bar}{shown}'


def _frames(frames: Sequence[tuple[str, str, str]]) -> str:
    figures = "".join(
        f'<figure><img src="{escape(before)}" alt="Before, {escape(title)}">'
        f'<img src="{escape(after)}" alt="After, {escape(title)}">'
        f"<figcaption>{escape(title)}</figcaption></figure>"
        for title, before, after in frames
    )
    return f'<div class="frames">{figures}</div>'


def moment(seconds: float) -> str:
    """A time in a film: '1:05'."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def looking(done: int, whole: int) -> str:
    """What stands under the dials while the network looks again from nearer."""
    return (
        f'<p class="status">Looking from nearer, {done} of {whole} '
        f'<progress value="{done}" max="{whole}" aria-label="Looking from nearer"></progress></p>'
    )


def duration(seconds: float) -> str:
    """Seconds for people: '120 ms', '2.5 s'."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def batch_report(batch: "ZipBatch") -> str:
    """The batch so far: how much is done, the ZIP when it is ready, each file with its state."""
    is_ended = batch.current is None
    line = [f"{len(batch.done)} of {len(batch.names)} done"]
    if is_ended and batch.is_stopped:
        line.append("stopped; Colour them does the rest")
    if not is_ended and batch.seconds_left is not None:
        line.append(time_left(batch.seconds_left))
    tried = len(batch.done) + len(batch.failures)
    bar = (
        ""
        if is_ended
        else (f'<progress value="{tried}" max="{len(batch.names)}" aria-label="Files"></progress>')
    )
    ready = (
        f'<p><a class="zip" href="{escape(batch.address)}" download>Download the ZIP</a></p>'
        if batch.address
        else ""
    )
    files = "".join(_batch_file(batch, key, name) for key, name in batch.names.items())
    return (
        f'<p class="status" role="status">{" &middot; ".join(line)}</p>{bar}{ready}'
        f'<ul class="files">{files}</ul>'
    )


def _batch_file(batch: "ZipBatch", key: "Key", name: str) -> str:
    """One file of a batch: a small picture where there is one, its name, its state."""
    small = batch.done.get(key)
    if small is not None:
        state, says = "done", "done"
    elif key in batch.failures:
        state, says = "failed", escape(plain(batch.failures[key]))
    elif key == batch.current:
        state, says = "at-work", "colouring"
    else:
        is_stopped = batch.current is None and batch.is_stopped
        state, says = "waiting", "not done" if is_stopped else "waiting"
    image = f'<img src="{escape(small)}" alt="" loading="lazy">' if small else "<i></i>"
    return (
        f'<li class="{state}">{image}<b title="{escape(name)}">{escape(name)}</b>'
        f"<span>{says}</span></li>"
    )


def time_left(seconds: float) -> str:
    """A guess in words: 'about 3 minutes left'."""
    if seconds < 50:
        return "less than a minute left"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"about {minutes} minute{'s' if minutes > 1 else ''} left"
    return f"about {round(minutes / 60)} hours left"
