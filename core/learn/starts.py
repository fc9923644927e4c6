"""The first weights of a network, where they are not torch's own.

`glorot` is what Keras begins with, and so the studies that were written in it: weights even within
sqrt(6 / (inputs + outputs)) (Glorot & Bengio 2010), biases at zero. Norms begin alike in both.
"""

from torch import nn

STARTS = ("torch", "glorot")
_WEIGHTED = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def glorot(net: nn.Module) -> None:
    """Draws all weights of convolutions and dense layers anew, from torch's seed, in place.

    What came from a file stays: the parts that the network names in `published_parts`.
    """
    published = tuple(f"{part}." for part in getattr(net, "published_parts", ()))
    for name, module in net.named_modules():
        if isinstance(module, _WEIGHTED) and not f"{name}.".startswith(published or ("\0",)):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
