"""Moving pictures: a film in, the same film in colour out, with its luma and all other streams.

Data flows one way: `source` decodes, `segments` plans, `colouring` gives frames their chroma
(`motion` and `carrying` bring it from frame to frame), `encoder` and `packets` write a segment,
`joining` makes the result. `life` is the way in. PyAV and OpenCV (the extra `video`) are imported
late.
"""

from core.film.hints import TimedHints, read_hints
from core.film.life import Work, alone, colour_segment, finish, is_done, listed, open_work
from core.film.options import CODECS, FilmOptions, codec_for

__all__ = [
    "CODECS",
    "FilmOptions",
    "TimedHints",
    "Work",
    "alone",
    "codec_for",
    "colour_segment",
    "finish",
    "is_done",
    "listed",
    "open_work",
    "read_hints",
]
