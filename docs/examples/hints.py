"""Colours that you know, at points and by strokes: `python hints.py portrait.jpg coloured.png`."""

import sys

import numpy as np

import photochrom
from photochrom import Point


def main(portrait: str, result: str) -> None:
    dress = Point.of(30, 80, "navy", radius=12)  # x, y and radius in pixels of the photograph
    rose = Point.of(90, 40, "#c2185b", radius=6)
    outcome = photochrom.colorize(portrait, result, hints=[dress, rose], existing="overwrite")
    print(outcome.status, outcome.output)

    # A stroke is a transparent picture of the photograph's size: here a band of brown.
    automatic = photochrom.colorize(portrait)
    strokes = np.zeros((*automatic.shape[:2], 4), np.uint8)
    strokes[100:110, 20:120] = (121, 85, 72, 255)
    with_a_stroke = photochrom.colorize(portrait, hints=strokes)
    changed = int((with_a_stroke != automatic).any(axis=2).sum())
    print("pixels that the stroke changed:", changed)


if __name__ == "__main__":
    main(*sys.argv[1:])
