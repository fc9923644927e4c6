"""Encoders: the layout that a codec takes, and a stream of an output that is set up for it.

The same film and options give the same bytes on every machine: threads and slices are fixed, since
encoders cut their work by them.
"""

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from core.film.options import CODECS, FilmOptions
from core.film.planes import Layout
from core.film.source import Film

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.stream import VideoStream

_THREADS: Final = "4"
_GLOBAL_HEADER: Final = 1 << 22
#: FFmpeg's number for an order of fields -> its name.
_FIELDS: Final = {2: "tt", 3: "bb", 4: "tb", 5: "bt"}
#: What FFV1 holds beside 4:2:0, 4:2:2 and 4:4:4.
_RARE_IN_FFV1: Final = (("440", 8), ("440", 10), ("440", 12), ("411", 8), ("410", 8))


def layout_for(film: Film, options: FilmOptions) -> tuple[Layout, tuple[str, ...]]:
    """The planes of the result, and notes of what they cannot hold of the source's."""
    chroma = film.layout.chroma or options.chroma
    depth = max(film.layout.depth, options.depth)
    if options.codec == "prores":
        chroma = "444" if chroma in ("444", "440") else "422"
        layout = Layout(chroma, 10)
    elif options.codec == "ffv1":
        if chroma not in ("420", "422", "444") and (chroma, depth) not in _RARE_IN_FFV1:
            chroma = {"411": "422", "440": "444", "410": "420"}[chroma]
        layout = Layout(chroma, depth)
    else:
        chroma = {"411": "422", "440": "444", "410": "420"}.get(chroma, chroma)
        if film.width % 2 or film.height % 2:
            chroma = "444"  # these encoders take odd sizes in no other way
        most = 12 if options.codec == "x265" else 10
        # x265 of 12 bits is not in every build: 10 are
        layout = Layout(chroma, 8 if depth == 8 else min(10, most))
    if layout.depth < film.layout.depth:
        return layout, (f"{options.codec} holds {layout.depth} bits of its {film.layout.depth}",)
    return layout, ()


def add_stream(
    container: "OutputContainer", film: Film, layout: Layout, options: FilmOptions
) -> "VideoStream":
    """A stream of `container` that is encoded as the options say, ready to be begun."""
    codec = CODECS[options.codec]
    stream: Any = container.add_stream(
        codec.encoder, rate=film.rate, options=_settings(film, options)
    )
    context = stream.codec_context
    context.width, context.height, context.pix_fmt = film.width, film.height, layout.name
    context.time_base = film.time_base
    context.framerate = film.rate
    context.color_primaries, context.color_trc, context.colorspace = film.tags
    context.color_range = 2 if film.is_full else 1
    if film.aspect != 1:
        context.sample_aspect_ratio = Fraction(film.aspect)
    context.flags |= _GLOBAL_HEADER
    stream.time_base = film.time_base
    if film.rotation:
        stream.set_display_rotation(film.rotation)
    return stream


def _settings(film: Film, options: FilmOptions) -> dict[str, str]:
    codec = CODECS[options.codec]
    settings = {"threads": _THREADS}
    if codec.quality:
        name, usual, *_ = codec.quality
        settings[name] = str(usual if options.quality == -1 else options.quality)
    order = _FIELDS.get(film.fields)
    if order:
        settings |= {"field_order": order, "flags": "+ildct+ilme"}
    match options.codec:
        case "ffv1":  # as archives write it: every frame alone, with checksums
            settings |= {"level": "3", "g": "1", "slices": "4", "slicecrc": "1", "context": "0"}
        case "x264":
            settings |= {"preset": "medium"}
            # With it one to six of 50 encodings of twelve frames differed on a CPU with AVX-512.
            parameters = "mbtree=0"
            if order:
                parameters += ":bff=1" if order in ("bb", "bt") else ":tff=1"
            settings["x264-params"] = parameters
        case "x265":
            settings["x265-params"] = f"log-level=none:frame-threads=2:pools={_THREADS}"
            settings |= {"preset": "medium"}
        case "prores":
            settings |= {"vendor": "apl0"}
    return settings
