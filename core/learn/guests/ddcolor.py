"""DDColor: Kang et al. 2023, "Towards Photo-Realistic Image Colorization via Dual Decoders".

A ConvNeXt sees the gray picture; a pixel decoder brings its features back to full size; a colour
decoder refines 100 colour queries against the features of three scales, nine times; the products
of queries and pixels, with the normalised picture beside them, give a*, b* by a 1x1 convolution.
`tiny` has 55,006,640 parameters and 96.5 G multiplications at 512 x 512, `large` 227,869,328 and
262.2 G.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.learn.backbones.convnext import SIZES, ConvNeXt
from core.learn.batch import NetworkOutput
from core.learn.guests.unet_blocks import ShuffledUp, convolution, joined
from core.learn.yuv_torch import gray_of

WIDTH, HEADS, QUERIES, LEVELS, LAYERS = 256, 8, 100, 3, 9
#: ImageNet's mean and spread of R, G, B.
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class DDColor(nn.Module):
    """L* in, a*, b* at full size out. `size` is "tiny" or "large"."""

    stride = 1
    multiple = 32
    takes_hints = False
    bins = None

    def __init__(self, size: str = "tiny") -> None:
        super().__init__()
        depths, widths = SIZES[size]
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(SPREAD).view(1, 3, 1, 1))
        self.encoder = nn.ModuleDict({"arch": ConvNeXt(depths, widths)})
        self.decoder = _Decoder(widths)
        self.refine_net = nn.Sequential(nn.Sequential(nn.Conv2d(QUERIES + 3, 2, 1)))

    def forward(self, lightness: Tensor, hints: Tensor | None = None) -> NetworkOutput:
        return NetworkOutput(self.published(gray_of(lightness).expand(-1, 3, -1, -1)))

    def published(self, rgb: Tensor) -> Tensor:
        """a*, b* N,2,H,W of a gray picture N,3,H,W, sRGB codes 0..1."""
        x = (rgb - self.get_buffer("mean")) / self.get_buffer("std")
        colours = self.decoder(self.encoder["arch"](x))
        return self.refine_net(torch.cat((colours, x), 1))


class _Decoder(nn.Module):
    """Features at strides 4 to 32 to N,100,H,W: how much of each query's colour a pixel has."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            [
                _Up(widths[3], widths[2], 512, 512),
                _Up(512, widths[1], 512, 512),
                _Up(512, widths[0], 256, 256),
            ]
        )
        self.last_shuf = ShuffledUp(256, 256, 4, bias=True, norm=False)
        self.color_decoder = _ColourDecoder((512, 512, 256))

    def forward(self, features: list[Tensor]) -> Tensor:
        x, levels = features[3], []
        for layer, skip in zip(self.layers, features[2::-1], strict=True):
            x = layer(x, skip)
            levels.append(x)
        return torch.einsum("nqc,nchw->nqhw", self.color_decoder(levels), self.last_shuf(x))


class _Up(nn.Module):
    """One step of the pixel decoder: doubled, joined with the encoder's features, convolved."""

    def __init__(self, inputs: int, skip: int, up: int, outputs: int) -> None:
        super().__init__()
        self.shuf = ShuffledUp(inputs, up, bias=False, norm=True)
        self.bn = nn.BatchNorm2d(skip)
        self.conv = convolution(up + skip, outputs)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return self.conv(joined(self.shuf(x), self.bn(skip)))


class _ColourDecoder(nn.Module):
    """Features of three scales to N,100,256: the queries' colours."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.query_feat = _Table(QUERIES)
        self.query_embed = _Table(QUERIES)
        self.level_embed = _Table(LEVELS)
        self.input_proj = nn.ModuleList(nn.Conv2d(count, WIDTH, 1) for count in channels)
        self.transformer_cross_attention_layers = nn.ModuleList(
            _Attending("multihead_attn") for _ in range(LAYERS)
        )
        self.transformer_self_attention_layers = nn.ModuleList(
            _Attending("self_attn") for _ in range(LAYERS)
        )
        self.transformer_ffn_layers = nn.ModuleList(_FeedForward() for _ in range(LAYERS))
        self.decoder_norm = nn.LayerNorm(WIDTH)
        self.color_embed = nn.ModuleDict(
            {"layers": nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(3))}
        )

    def forward(self, levels: list[Tensor]) -> Tensor:
        memories, places = [], []
        for index, (project, level) in enumerate(zip(self.input_proj, levels, strict=True)):
            tokens = project(level).flatten(2).transpose(1, 2)
            memories.append(tokens + self.level_embed.weight[index])
            places.append(positions(level).flatten(1).T[None])
        query = self.query_feat.weight[None]  # the first attention gives it the batch's dimension
        place = self.query_embed.weight[None]
        for index, (cross, own, feed) in enumerate(
            zip(
                self.transformer_cross_attention_layers,
                self.transformer_self_attention_layers,
                self.transformer_ffn_layers,
                strict=True,
            )
        ):
            memory, where = memories[index % LEVELS], places[index % LEVELS]
            query = cross(query, query + place, memory + where, memory)
            query = own(query, query + place, query + place, query)
            query = feed(query)
        query = self.decoder_norm(query)
        first, second, third = self.color_embed["layers"]  # type: ignore[misc]
        return third(second(first(query).relu()).relu())


class _Table(nn.Module):
    """One row of features for each of `count` things.

    What `nn.Embedding` is, without its random start: drawing that on the meta device, where the
    shapes of guests are made, takes in torch's compiler, 3 s of CPU.
    """

    def __init__(self, count: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(count, WIDTH))


class _Attending(nn.Module):
    """Attention, sum, norm. `name` is the attention's in the authors' file."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.add_module(name, Attention())
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, x: Tensor, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return self.norm(x + self.get_submodule(self.name)(query, key, value))


class Attention(nn.Module):
    """Attention with eight heads and the tensor names of `nn.MultiheadAttention`.

    Written out, because torch's own takes a fused way in evaluation that ONNX has no operator for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.in_proj_weight = nn.Parameter(torch.empty(3 * WIDTH, WIDTH))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * WIDTH))
        self.out_proj = nn.Linear(WIDTH, WIDTH)
        nn.init.xavier_uniform_(self.in_proj_weight)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        weights, biases = self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3)
        query, key, value = (
            F.linear(tokens, weight, bias)
            .view(len(tokens), -1, HEADS, WIDTH // HEADS)
            .transpose(1, 2)
            for tokens, weight, bias in zip((query, key, value), weights, biases, strict=True)
        )
        scores = query @ key.transpose(-2, -1) / math.sqrt(WIDTH // HEADS)
        return self.out_proj((scores.softmax(-1) @ value).transpose(1, 2).flatten(-2))


class _FeedForward(nn.Module):
    """Two linear layers, sum, norm."""

    def __init__(self) -> None:
        super().__init__()
        self.linear1 = nn.Linear(WIDTH, 8 * WIDTH)
        self.linear2 = nn.Linear(8 * WIDTH, WIDTH)
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x + self.linear2(self.linear1(x).relu()))


def positions(like: Tensor) -> Tensor:
    """256,H,W: sines and cosines of the row (the first half) and of the column (the second)."""
    height, width = like.shape[-2:]
    rows, columns = _waves(like, -2), _waves(like, -1)
    return torch.cat(
        (rows[:, :, None].expand(-1, -1, width), columns[:, None].expand(-1, height, -1))
    )


def _waves(like: Tensor, axis: int) -> Tensor:
    """128,n: sine in even channels, cosine in odd ones, of the place along one axis."""
    counted = torch.arange(like.shape[axis], device=like.device).to(like.dtype) + 1
    angle = counted / (counted[-1] + 1e-6) * (2 * math.pi)
    half = WIDTH // 2
    wavelength = like.new_tensor([10000 ** (k / half) for k in range(0, half, 2)])
    argument = angle[None] / wavelength[:, None]
    return torch.stack((argument.sin(), argument.cos()), 1).flatten(0, 1)
