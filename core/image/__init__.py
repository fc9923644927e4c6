"""Image files: read as strips of sRGB codes, written in colour, with all that they say beside it.

- `read.py` opens a file as a `Source` of `Page`s (`page.py`); `write.py` puts `PaintedPage`s
  (`painted.py`) in their place, whole or not at all (`atomic.py`).
- `formats/` has one module a format, and their table; `metadata/` what travels beside the pixels.
- `origin.py` guards the bytes of a file, `vips.py` is the door to libvips, `pixels.py` holds or
  streams what a decoder gives, `profiles.py` brings its colours to sRGB codes.
"""
