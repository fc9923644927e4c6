"""A catalogue of the published networks and their files: authors, licences, hashes, cost.

Data alone. None of the files comes with this program or is fetched by it; `docs/guests.md` says
the same for people, and a test holds the two together.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Family:
    """One published work. `licence` as an SPDX name; `weights` what its authors say of them."""

    title: str
    repository: str
    licence: str
    weights: str
    faults: str


@dataclass(frozen=True, slots=True)
class Published:
    """A file that its authors publish: the guest in it, and its name there."""

    guest: str
    file: str


_NO_WORD = "the authors say nothing apart of the weights"

FAMILIES: dict[str, Family] = {
    "eccv16": Family(
        "Colorful Image Colorization (Zhang, Isola, Efros 2016)",
        "https://github.com/richzhang/colorization",
        "BSD-2-Clause",
        _NO_WORD,
        "Brownish and purple casts on what it does not know; colours bleed over edges, since its "
        "own map has a quarter of the size.",
    ),
    "siggraph17": Family(
        "Real-Time User-Guided Image Colorization (Zhang, Zhu, Isola and others 2017)",
        "https://github.com/richzhang/colorization",
        "BSD-2-Clause",
        _NO_WORD,
        "Without hints it is cautious, often sepia; a hint works on what looks alike around it, "
        "and may drift by a few units.",
    ),
    "ddcolor": Family(
        "DDColor (Kang and others 2023)",
        "https://github.com/piddnad/DDColor",
        "Apache-2.0",
        "the repository's licence; trained on ImageNet, `artistic` on private pictures too",
        "Patches of strong red or blue; chroma far outside every gamut in its failures, which is "
        "shrunk here; worse above 512 pixels.",
    ),
    "deoldify": Family(
        "DeOldify (Antic 2018 to 2024)",
        "https://github.com/jantic/DeOldify",
        "MIT",
        "MIT too, as its README says",
        "Gray hands and faces, blue clothes; each look at another size gives other colours. "
        "`artistic` is the more vivid one, `stable` leaves less gray, `video` flickers least.",
    ),
    "icolorit": Family(
        "iColoriT (Yun, Lee, Park, Choo 2023)",
        "https://github.com/pmh9960/iColoriT",
        "MIT",
        _NO_WORD,
        "Made for hints: without any it is pale. Sees squares of 224 pixels; seams at every "
        "sixteenth of them.",
    ),
}

#: G multiplications for a square picture of the guest's preferred side.
COST: dict[str, float] = {
    "eccv16": 41.8,
    "siggraph17": 75.2,
    "ddcolor-tiny": 96.5,
    "ddcolor-large": 262.2,
    "deoldify-artistic": 957.5,
    "deoldify-stable": 689.8,
    "deoldify-video": 245.9,
    "icolorit-tiny": 1.4,
    "icolorit-small": 4.9,
    "icolorit-base": 18.2,
}

#: SHA-256 -> the published file.
FILES: dict[str, Published] = {
    "9b330a0bae53f4ded77b1e23defbf78beaa09c10ebc4c4999e8e4f4a160b93f9": Published(
        "eccv16", "colorization_release_v2-9b330a0b.pth"
    ),
    "df00044c0a4d7c3edcecf6f75437ce346a66e7a42612d9b968e1a7e17dbc6f66": Published(
        "siggraph17", "siggraph17-df00044c.pth"
    ),
    "17c460d7e55b32a598370621d77173be59e03c24b0823f06821db23a50c263ce": Published(
        "ddcolor-large", "ddcolor_modelscope.pth"
    ),
    "a591ee5beedad36de703d8977e92d0c30c1eedc6453fd1b300f3b460842a23a9": Published(
        "ddcolor-large", "ddcolor_artistic.pth"
    ),
    "d81711971ec59200da26d5e8a1afae8dd3778d495ea8ad7a7dadc769f403f7e7": Published(
        "ddcolor-large", "ddcolor_modelscope/pytorch_model.bin"
    ),
    "5a076e84efce59848394f572a105f7b78f7f6e917f615d1ee88537241b96dca3": Published(
        "ddcolor-large", "ddcolor_artistic/pytorch_model.bin"
    ),
    "8a1277bc90a1bfbb6d2d83933a9a6bc821931879ca93e26e4fcec12165d41fce": Published(
        "ddcolor-tiny", "ddcolor_paper_tiny/pytorch_model.bin"
    ),
    "3f750246fa220529323b85a8905f9b49c0e5d427099185334d048fb5b5e22477": Published(
        "deoldify-artistic", "ColorizeArtistic_gen.pth"
    ),
    "ca9cd7f43fb8b222c9a70f7b292e305a000694b0ff9d2ae4a6747b1a2e1ee5af": Published(
        "deoldify-stable", "ColorizeStable_gen.pth"
    ),
    "e3d98bb6a222354c79f95485c2f078a89dc724e9183662506d9e0f5aafac83ad": Published(
        "deoldify-video", "ColorizeVideo_gen.pth"
    ),
}


def family_of(guest: str) -> Family:
    """The work that a guest belongs to."""
    return FAMILIES[guest.partition("-")[0]]
