"""What is asked of every network, in one table: see `chapters` for what each sentence means."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from core.learn.nets import NETS, build, class_of
from core.learn.nets.ensemble import Ensemble
from tests.learn.nets import chapters


@dataclass(frozen=True)
class Case:
    """A network at a size that is quick to try, the losses that it learns from, and its size.

    `fixed` are prefixes of parameters that learn nothing here; `counted` gives the number that the
    network's docstring states.
    """

    make: Callable[[], Any]
    losses: tuple[str, ...] = ("mse",)
    fixed: tuple[str, ...] = ()
    counted: Callable[[], int] | None = None


def case(name: str, *losses: str, fixed: tuple[str, ...] = (), **small: Any) -> Case:
    """The network of that name, with settings that make it small."""

    def counted() -> int:
        return chapters.parameters(build(name))

    counts = None if "encoder" in small else counted
    return Case(lambda: build(name, **small), losses or ("mse",), fixed, counts)


def lite() -> Any:
    net: Any = build("lite")
    torch.nn.init.normal_(net.ref.weight, std=0.1)  # at zero it hides the refinement behind it
    return net


def restore() -> Any:
    net: Any = build("restore")
    torch.nn.init.normal_(net.last.weight, std=0.1)  # at zero it hides all that is before it
    return net


def fusion_alone() -> int:
    """Without the embedding."""
    with torch.device("meta"):  # 250 MB of weights whose values nobody needs
        net: Any = build("fusion")
    return chapters.parameters(net) - chapters.parameters(net.embedding)


def generator_alone() -> int:
    """Without the critic."""
    net: Any = build("unet_gan")
    return chapters.parameters(net) - chapters.parameters(net.critic)


def mean_of_chroma() -> Ensemble:
    names = ("compact_cnn", "in_living_color")
    return Ensemble([*(build(name) for name in names), build("zhang", width=4)])


def mean_of_distributions() -> Ensemble:
    return Ensemble([build("zhang", width=4), build("zhang", width=8)], mean="distribution")


#: An encoder in place of the study's own, at a random start.
LITE: dict[str, Any] = {"encoder": "efficientnet_lite0"}
CASES = {
    "lite": Case(
        lite,
        ("soft_cross_entropy", "smooth_l1", "hint_l1"),
        counted=lambda: chapters.parameters(build("lite")),
    ),
    "compact_cnn": case("compact_cnn"),
    "in_living_color": case("in_living_color", "mse", "neutral_penalty"),
    "in_living_color_rgb": case("in_living_color_rgb", "rgb_mse"),
    "hypercolumn": case("hypercolumn", "blurred_uv"),
    "hypercolumn on a lite": case("hypercolumn", "blurred_uv", **LITE, kernel=1, activation="elu"),
    "residual_encoder": case("residual_encoder", "blurred_uv"),
    "residual_encoder on a lite": case("residual_encoder", "blurred_uv", **LITE),
    "cnn_3p9m": case("cnn_3p9m"),
    "resnet18": case("resnet18"),
    "resnet18 on a lite": case("resnet18", **LITE),
    "zhang": case("zhang", "soft_cross_entropy", width=8),
    "fusion": Case(
        lambda: build("fusion", side=75, repeats=(1, 1, 1)),
        fixed=("embedding.",),
        counted=fusion_alone,
    ),
    "unet_gan": Case(
        lambda: build("unet_gan", width=4), ("l1", "adversarial"), counted=generator_alone
    ),
    "unet_gan on a lite": Case(lambda: build("unet_gan", width=4, **LITE), ("l1", "adversarial")),
    "restore": Case(restore, ("restored",), counted=lambda: chapters.parameters(build("restore"))),
    "ensemble": Case(mean_of_chroma),
    "ensemble of distributions": Case(mean_of_distributions),
}

every_network = pytest.mark.parametrize("tried", CASES.values(), ids=CASES.keys())


def seeded(tried: Case) -> Callable[[], Any]:
    """Makes the network with the same weights each time."""

    def make() -> Any:
        torch.manual_seed(1)
        return tried.make()

    return make


def test_no_network_is_missing_here():
    assert {name.partition(" ")[0] for name in CASES} == set(NETS)


@every_network
def test_it_answers_with_chroma_at_its_stride_for_every_size(tried: Case):
    chapters.answers_at_its_stride(seeded(tried)())


@every_network
def test_every_weight_learns(tried: Case):
    chapters.every_weight_learns(seeded(tried)(), *tried.losses, without=tried.fixed)


@every_network
def test_its_model_file_answers_as_it_does(tried: Case, tmp_path: Path):
    chapters.its_file_answers_as_it_does(seeded(tried)().eval(), tmp_path)


@every_network
def test_a_run_taken_up_again_ends_with_the_same_bits(tried: Case, tmp_path: Path):
    chapters.goes_on_to_the_same_bits(seeded(tried), tmp_path, *tried.losses)


@pytest.mark.parametrize("name", [name for name, tried in CASES.items() if tried.counted])
def test_it_has_as_many_parameters_as_its_docstring_says(name: str):
    counted = CASES[name].counted
    assert counted is not None
    assert f"{counted():,}" in str(sys.modules[class_of(name).__module__].__doc__)
