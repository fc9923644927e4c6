"""LPIPS on random weights against the formula written out."""

import pytest
import torch

from core.errors import PhotochromError
from core.learn.measures.lpips import LPIPS, SCALE, SHIFT, from_files


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The user's two files, with random weights under the published names."""
    torch.manual_seed(1)
    net = LPIPS()
    folder = tmp_path_factory.mktemp("lpips")
    torch.save(net.vgg.state_dict(), folder / "vgg16.pth")
    widths = (64, 128, 256, 512, 512)
    lines = {f"lin{i}.model.1.weight": torch.rand(1, n, 1, 1) for i, n in enumerate(widths)}
    torch.save(lines, folder / "vgg.pth")
    return str(folder / "vgg16.pth"), str(folder / "vgg.pth")


def test_it_is_the_formula(files):
    net = from_files(*files)
    ours, truth = torch.rand(2, 2, 3, 32, 48, generator=torch.Generator().manual_seed(2))
    weights, lines = torch.load(files[0]), torch.load(files[1])
    shift, scale = torch.tensor(SHIFT).view(3, 1, 1), torch.tensor(SCALE).view(3, 1, 1)
    x = (torch.cat((ours, truth)) * 2 - 1 - shift) / scale
    expected = torch.zeros(2)
    index = 0
    with torch.inference_mode():
        for stage, count in enumerate((2, 2, 3, 3, 3)):
            for _ in range(count):
                name = f"features.{index}"
                x = torch.conv2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=1)
                x = x.relu()
                index += 2
            unit = x / x.norm(dim=1, keepdim=True)
            first, second = unit.chunk(2)
            each = lines[f"lin{stage}.model.1.weight"][0, :, 0, 0]
            weighed = (each[:, None, None] * (first - second) ** 2).sum(1)
            expected += weighed.mean((1, 2))
            x = torch.max_pool2d(x, 2)
            index += 1
        torch.testing.assert_close(net(ours, truth), expected, rtol=1e-4, atol=1e-6)
        assert net(ours, ours).tolist() == [0, 0]


def test_a_missing_file_is_named(files, tmp_path):
    with pytest.raises(PhotochromError, match=r"gone.pth: no such file of weights"):
        from_files(files[0], str(tmp_path / "gone.pth"))
    with pytest.raises(PhotochromError, match=r"lacks lin0.model.1.weight"):
        from_files(files[0], files[0])
