"""Drawings as SVG text: they are well-formed, and show the values that they are given."""

import re
import xml.etree.ElementTree as ET

from train.plots import COLOURS, curves, histograms

SVG = "{http://www.w3.org/2000/svg}"


def parts(text: str) -> tuple[ET.Element, ET.Element]:
    """(axes, legend) of a drawing."""
    groups = {group.get("id"): group for group in ET.fromstring(text).iter(f"{SVG}g")}
    return groups["axes_1"], groups["legend_1"]


def strokes(group: ET.Element) -> list[tuple[str, list[tuple[float, float]]]]:
    """Colour with dashes, and points on the paper, of each line with one of our colours."""
    found = []
    for path in group.iter(f"{SVG}path"):
        style = path.get("style", "")
        stroke = re.search(r"stroke: (#\w+)", style)
        if stroke and stroke[1] in COLOURS and "stroke-width: 1.5" in style:
            dashes = re.search(r"stroke-dasharray: [\d.,]+", style)
            numbers = [float(number) for number in re.findall(r"-?[\d.]+", path.attrib["d"])]
            points = list(zip(numbers[::2], numbers[1::2], strict=True))
            found.append((f"{stroke[1]} {dashes[0] if dashes else ''}", points))
    return found


def test_a_curve_rises_on_the_paper_when_its_values_rise():
    axes, _ = parts(curves({"run": [(0, 1.0), (1, 5.0), (2, 3.0)]}, x="minutes", y="error"))
    ((_, [(x0, y0), (x1, y1), (x2, y2)]),) = strokes(axes)
    assert x0 < x1 < x2
    assert y1 < y2 < y0  # down the page is less
    assert {"minutes", "error"} <= {text.strip() for text in axes.itertext()}


def test_every_line_has_its_name_and_they_are_told_apart():
    names = [f"run <{i}>" for i in range(14)] + ["_hidden", "$x^2$ & more"]
    axes, legend = parts(curves({n: [(0, i), (1, i)] for i, n in enumerate(names)}, x="x", y="y"))
    assert [text.strip() for text in legend.itertext() if text.strip()] == names
    looks = [look for look, _ in strokes(axes)]
    assert len(set(looks)) == len(looks) == 16
    assert [look for look, _ in strokes(legend)] == looks


def test_flat_and_empty_curves_are_drawn_too():
    axes, _ = parts(curves({"flat": [(3, 2.0)], "none yet": []}, x="x", y="y"))
    assert strokes(axes)[0][1]
    assert curves({}, x="x", y="y") == curves({"none yet": []}, x="x", y="y") == ""
    assert histograms({}, first=0, x="a*")


def test_histograms_show_only_where_something_is():
    axes, _ = parts(histograms({"ours": [0, 0, 4, 0], "true": [0, 0, 2, 2]}, first=-128, x="a*"))
    (_, ours), (_, true) = strokes(axes)
    assert len(ours) == len(true) == 2
    assert ours[0][1] < true[0][1] and ours[1][1] > true[1][1]


def test_a_drawing_refers_to_nothing_outside_and_is_the_same_each_time():
    text = histograms({"ours": [1, 2]}, first=0, x="a*")
    assert text == histograms({"ours": [1, 2]}, first=0, x="a*")
    links = [v for e in ET.fromstring(text).iter() for k, v in e.attrib.items() if "href" in k]
    assert links and all(link.startswith("#") for link in links)
    assert all(found.startswith("#") for found in re.findall(r"url\(([^)]*)", text))
