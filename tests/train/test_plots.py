"""Drawings as SVG text: they are well-formed, and say what they are told."""

import xml.etree.ElementTree as ET

from train.plots import curves, histograms


def drawn(text: str) -> ET.Element:
    return ET.fromstring(f"<div>{text}</div>")


def lines(text: str) -> list[list[tuple[float, float]]]:
    """The points of each line."""
    found = []
    for line in drawn(text).iter("{http://www.w3.org/2000/svg}polyline"):
        pairs = (point.split(",") for point in line.attrib["points"].split())
        found.append([(float(x), float(y)) for x, y in pairs])
    return found


def test_a_curve_rises_on_the_paper_when_its_values_rise():
    (line,) = lines(curves({"run": [(0, 1.0), (1, 5.0), (2, 3.0)]}, x="minutes", y="error"))
    (x0, y0), (x1, y1), (x2, y2) = line
    assert x0 < x1 < x2
    assert y1 < y2 < y0  # down the page is less


def test_every_line_has_its_name_and_they_are_told_apart():
    text = curves({f"run <{i}>": [(0, i), (1, i)] for i in range(16)}, x="steps", y="error")
    names = "".join(drawn(text).itertext())
    assert all(f"run <{i}>" in names for i in range(16))
    found = drawn(text).iter("{http://www.w3.org/2000/svg}polyline")
    looks = {(p.attrib["stroke"], p.attrib.get("stroke-dasharray")) for p in found}
    assert len(looks) == 16


def test_flat_and_empty_curves_are_drawn_too():
    assert lines(curves({"flat": [(3, 2.0)]}, x="x", y="y"))
    assert curves({}, x="x", y="y") == ""


def test_histograms_show_only_where_something_is():
    text = histograms({"ours": [0, 0, 4, 0], "true": [0, 0, 2, 2]}, first=-128, x="a*")
    ours, true = lines(text)
    assert len(ours) == len(true) == 2
    assert ours[0][1] < true[0][1] and ours[1][1] > true[1][1]
