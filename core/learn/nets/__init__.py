"""The networks: one file each, one line in `NETS` each.

A network is a `torch.nn.Module` that follows this agreement; nothing else is asked of it.

- `forward(lightness, hints=None) -> NetworkOutput` (`core.learn.batch`); `lightness` N,1,H,W is L*
  0..100, `hints` N,3,H,W is a*, b* (CIELAB units) and a mask 0/1, or None, which must give the same
  bits as zeros. Normalisation is inside.
- attributes `stride` (chroma's grid), `multiple` (H and W must be multiples of it), `takes_hints`,
  and `bins`: a buffer Q,2 of a*, b* for a classifier, None for a regressor.
- its constructor's keyword arguments are the keys of a recipe's `[network]` table.
- where there is need: `published_parts`, the submodules whose weights came from a file, which no
  other start may touch; `paints_rgb`, that `native` is a picture of its own, sRGB 0..1; `restores`,
  that `native` is L* and there is no chroma.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

#: name in a recipe -> module:class. One line a network.
NETS: dict[str, str] = {
    "lite": "core.learn.nets.lite:Lite",
    "compact_cnn": "core.learn.nets.compact_cnn:CompactCNN",
    "in_living_color": "core.learn.nets.in_living_color:InLivingColor",
    "in_living_color_rgb": "core.learn.nets.in_living_color_rgb:InLivingColorRGB",
    "hypercolumn": "core.learn.nets.hypercolumn:Hypercolumn",
    "residual_encoder": "core.learn.nets.residual_encoder:ResidualEncoder",
    "cnn_3p9m": "core.learn.nets.cnn_3p9m:CNN3p9M",
    "resnet18": "core.learn.nets.resnet18:ResNet18",
    "zhang": "core.learn.nets.zhang:Zhang",
    "fusion": "core.learn.nets.fusion:Fusion",
    "unet_gan": "core.learn.nets.unet_gan:UNetGAN",
    "restore": "core.learn.nets.restore:Restore",
    "ensemble": "core.learn.nets.ensemble:Ensemble",
}


def class_of(name: str) -> "type[nn.Module]":
    """The class of the network of that name; its constructor's arguments are a recipe's keys."""
    module, _, attribute = NETS[name].partition(":")
    return getattr(import_module(module), attribute)


def build(name: str, **settings: object) -> "nn.Module":
    """The network of that name with those settings; raises KeyError or TypeError, see recipes."""
    return class_of(name)(**settings)
