"""Networks that others published, built from their descriptions, with their authors' tensor names.

One file a family, one line in `GUESTS` a network. None of their weights come with this program:
the user brings the authors' file, `core.learn.guests.weights` reads it, `recognition` tells whose
it is, `conversion` writes a model file of contract 1.

A guest follows the agreement of `core.learn.nets` (forward, stride, multiple, takes_hints, bins)
and has, beyond it, `published(...)`: the authors' own input to the authors' own output, which
recorded answers of their program are compared with. It transposes by `transpose` and `permute`:
torch 2.13's exporter reads freed memory where a graph has `movedim`, and crashes now and then.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class Guest:
    """How one published network is built: its module and class, its constructor's arguments.

    `side` is the short side in pixels at which its authors show it pictures.
    """

    place: str
    settings: dict[str, Any]
    side: int


#: name of the converted model -> how it is built. One line a network.
GUESTS: dict[str, Guest] = {
    "eccv16": Guest("core.learn.guests.eccv16:ECCV16", {}, 256),
    "siggraph17": Guest("core.learn.guests.siggraph17:SIGGRAPH17", {}, 256),
    "ddcolor-tiny": Guest("core.learn.guests.ddcolor:DDColor", {"size": "tiny"}, 512),
    "ddcolor-large": Guest("core.learn.guests.ddcolor:DDColor", {"size": "large"}, 512),
    "deoldify-artistic": Guest("core.learn.guests.deoldify:DeOldify", {"size": "artistic"}, 560),
    "deoldify-stable": Guest("core.learn.guests.deoldify:DeOldify", {"size": "stable"}, 560),
    "deoldify-video": Guest("core.learn.guests.deoldify:DeOldify", {"size": "stable"}, 336),
    "icolorit-tiny": Guest("core.learn.guests.icolorit:ICoLoriT", {"size": "tiny"}, 224),
    "icolorit-small": Guest("core.learn.guests.icolorit:ICoLoriT", {"size": "small"}, 224),
    "icolorit-base": Guest("core.learn.guests.icolorit:ICoLoriT", {"size": "base"}, 224),
}


def build(name: str, **settings: object) -> "nn.Module":
    """The guest of that name, without weights: `weights.put` gives them.

    `settings` are choices beyond its own: `look` of DeOldify, `centred` of SIGGRAPH17.
    """
    import torch

    guest = GUESTS[name]
    module, _, attribute = guest.place.partition(":")
    # Shapes alone: random weights of the largest would take a gigabyte and seconds for nothing.
    with torch.device("meta"):
        return getattr(import_module(module), attribute)(**guest.settings, **settings).eval()
