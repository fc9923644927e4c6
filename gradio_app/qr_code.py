"""Prints an address that logs another device in once, as text and as a QR code."""

import sys

#: Light modules shine in the colour of the text; some readers want light around dark.
_COLOURS = "\033[97;40m", "\033[0m"
_CELLS = ("\033[107m  ", "\033[40m  ")  # light, dark
_QUIET = 2  # modules around the code; four by the book, but a terminal is dark beyond them


def print_address(address: str) -> None:
    """Prints an address and its QR code."""
    print(f"Scan this with a phone, or open {address}\nIt logs in once.", flush=True)
    print(drawn(address, sys.stdout.encoding or "ascii"), flush=True)
    print("`photochrom demo --lan`, called again, shows another one.", flush=True)


def drawn(address: str, encoding: str) -> str:
    """The QR code as lines of text for a terminal of that encoding, in colours of its own."""
    import segno

    code = segno.make_qr(address, error="l", boost_error=False)
    rows = [[bool(cell) for cell in row] for row in code.matrix_iter(border=_QUIET)]
    try:
        "▀▄█".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return "\n".join("".join(_CELLS[cell] for cell in row) + "\033[0m" for row in rows)
    rows += [[True] * len(rows[0])] * (len(rows) % 2)
    start, end = _COLOURS
    return "\n".join(
        start + "".join(_BLOCKS[pair] for pair in zip(top, bottom, strict=True)) + end
        for top, bottom in zip(rows[::2], rows[1::2], strict=True)
    )


#: (upper, lower) module is dark -> the character that shines where it is light.
_BLOCKS = {(True, True): " ", (False, True): "▀", (True, False): "▄", (False, False): "█"}
