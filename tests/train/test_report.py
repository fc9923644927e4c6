"""The HTML report: one file with everything in it, and a browser that shows it."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.train.pictures import picture
from train.evaluate import Photograph
from train.extended_measures import ExtendedMeasures
from train.report import WorstAndBest, write

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ROW = {
    "pictures": 30,
    "ab_rmse": 9.87654,
    "psnr": 25.0,
    "auc": 92.0,
    "colourfulness_ratio": 0.9,
    "chroma_ratio": 1.0,
    "a_ratio": 0.8,
}
RESULT = {**ROW, "model": "trial <1>", "version": "3", "gray": ROW, "sets": {"cats & dogs": ROW}}


def photograph(seed: int) -> Photograph:
    return Photograph.of(f"set/{seed}.png", "set", picture(seed))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    thorough, gallery = ExtendedMeasures(), WorstAndBest()
    for seed in range(30):
        shot = photograph(seed)
        ours = shot.chroma + np.float32(seed)  # the higher the seed, the further off
        thorough.add(shot, ours)
        gallery.add(shot, ours)
    path = tmp_path_factory.mktemp("report") / "new" / "report.html"
    return write(path, {**RESULT, **thorough.result()}, thorough.histograms(), gallery)


class _Reader(HTMLParser):
    """Which elements there are, which are open, and what they refer to."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        if tag not in ("meta", "img"):
            self.open.append(tag)
        self.sources += [v or "" for k, v in attrs if k in ("src", "href")]

    def handle_startendtag(self, tag, attrs):
        self.seen.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_it_is_whole_and_refers_to_nothing_outside(report: Path):
    text = report.read_text()
    reader = _Reader()
    reader.feed(text)
    assert reader.open == []
    kinds = {source.partition(",")[0] for source in reader.sources}
    assert kinds == {"data:image/jpeg;base64", "data:image/svg+xml;base64"}
    assert not {"script", "link", "iframe"} & reader.seen
    assert "url(" not in text and "@import" not in text


def test_it_shows_the_twenty_worst_and_best_in_order(report: Path):
    worst, best = report.read_text().split("<h2>Worst</h2>")[1].split("<h2>Best</h2>")
    seeds = [[int(n) for n in re.findall(r"of set/(\d+)\.png", part)] for part in (worst, best)]
    assert seeds == [list(range(29, 9, -1)), list(range(20))]


def test_it_has_the_figures_of_all_sets_and_escapes_names(report: Path):
    text = report.read_text()
    assert "trial &lt;1&gt;" in text and "set cats &amp; dogs" in text
    assert ">9.877<" in text and ">ciede2000<" in text and text.count("data:image/svg+xml") == 2


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine to open it with")
def test_a_browser_shows_its_pictures(report: Path, tmp_path: Path):
    assert CHROMIUM
    shot = tmp_path / "shot.png"
    subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--window-size=900,4000",
            f"--user-data-dir={tmp_path / 'profile'}",
            f"--screenshot={shot}",
            report.as_uri(),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    pixels = np.asarray(Image.open(shot).convert("RGB")).astype(int)
    vivid = pixels.max(-1) - pixels.min(-1) > 60
    assert vivid.mean() > 0.02  # photographs and curves, beside black text on white
