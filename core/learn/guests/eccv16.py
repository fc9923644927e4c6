"""ECCV16: Zhang, Isola, Efros 2016, "Colorful Image Colorization", as its authors released it.

The network of `core.learn.nets.zhang` with what the authors' PyTorch file has beside it: the bin
centres as a 1x1 convolution. The softmax has no temperature here: the paper's 0.38 is already in
the last layer's weights. 32,236,011 parameters; 41.8 G multiplications at 256 x 256.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from core.learn.batch import NetworkOutput
from core.learn.nets.zhang import RELEASED_UNIT, block

BINS = 313
#: Input channels, output channels, convolutions, stride of the last one, dilation, by block.
BLOCKS = (
    (1, 64, 2, 2, 1),
    (64, 128, 2, 2, 1),
    (128, 256, 3, 2, 1),
    (256, 512, 3, 1, 1),
    (512, 512, 3, 1, 2),
    (512, 512, 3, 1, 2),
    (512, 512, 3, 1, 1),
)


class ECCV16(nn.Module):
    """L* in, the mean colour of 313 bins at stride 4 out."""

    stride = 4
    multiple = 8
    takes_hints = False

    def __init__(self) -> None:
        super().__init__()
        for number, shape in enumerate(BLOCKS, 1):
            self.add_module(f"model{number}", block(*shape, batch_norm=True))
        self.model8 = nn.Sequential(
            nn.ConvTranspose2d(512, 256, 4, 2, 1),
            nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(256, BINS, 1),
        )
        self.model_out = nn.Conv2d(BINS, 2, 1, bias=False)

    @property
    def bins(self) -> Tensor:
        """float32 Q,2: a*, b* of the bins, as the file has them."""
        return self.model_out.weight.detach()[:, :, 0, 0].T * RELEASED_UNIT

    def forward(self, lightness: Tensor, hints: Tensor | None = None) -> NetworkOutput:
        x = (lightness - 50) / 100
        for number in range(1, len(BLOCKS) + 2):
            x = self.get_submodule(f"model{number}")(x)
        return NetworkOutput(self.model_out(x.softmax(1)) * RELEASED_UNIT, x)

    def published(self, lightness: Tensor) -> Tensor:
        """a*, b* N,2,H,W of L* N,1,H,W, enlarged as the authors' network does it."""
        chroma = self(lightness).chroma
        return F.interpolate(chroma, scale_factor=4, mode="bilinear", align_corners=False)
