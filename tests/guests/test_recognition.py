"""Whose weights a file holds is told by its tensors; what does not fit is named."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from core.errors import ModelError
from core.learn.guests import GUESTS, build
from core.learn.guests.catalogue import COST, FAMILIES, FILES, Published, family_of
from core.learn.guests.folding import fold
from core.learn.guests.recognition import own_shapes, recognise
from core.learn.guests.squash import Squashed
from core.learn.guests.weights import put, read
from tests.guests.files import RECORDS, empty, filled

RECORDED = sorted(p.stem.removeprefix("parity-")[:-6] for p in RECORDS.iterdir())


@pytest.mark.parametrize("network", RECORDED)
def test_the_authors_names_and_shapes_are_the_networks(network: str):
    state = empty(network)
    assert recognise(state, None, "file") == network
    for name in [n for n in state if n.endswith("num_batches_tracked")]:
        del state[name]  # files of old programs lack the counters
    assert recognise(state, None, "file") == network


def test_two_of_the_same_shape_are_told_apart_by_the_files_hash():
    known = Published("deoldify-video", "ColorizeVideo_gen.pth")
    assert recognise(empty("deoldify-stable"), known, "file") == "deoldify-video"


def test_no_two_other_guests_have_the_same_tensors():
    shapes = [own_shapes(name) for name in GUESTS if name != "deoldify-video"]
    assert all(shapes.count(one) == 1 for one in shapes)


def test_every_guest_has_its_facts():
    assert set(COST) == set(GUESTS) and {p.guest for p in FILES.values()} <= set(GUESTS)
    assert {family_of(name).title for name in GUESTS} == {f.title for f in FAMILIES.values()}


@pytest.mark.parametrize("wrapper", ["", "params", "model", "state_dict"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_every_container_is_read_whatever_it_is_called(tmp_path: Path, wrapper, dtype):
    state = {"a.weight": torch.full((2, 3), 0.5, dtype=dtype), "n": torch.tensor(3)}
    torch.save({wrapper: state, "opt": slice(1, 2)} if wrapper else state, tmp_path / "any.name")
    save_file(state, tmp_path / "other.bin")
    for name in ("any.name", "other.bin"):
        found = read(tmp_path / name)
        assert torch.equal(found["a.weight"].float(), torch.full((2, 3), 0.5))


def test_the_bins_of_a_squashed_network_are_those_that_came_with_its_weights():
    net = build("eccv16")
    graph = Squashed(net, 256)
    put(net, filled("eccv16"), "file")
    assert graph.bins is not None and graph.bins.shape == (313, 2) and not graph.bins.is_meta


def test_half_precision_is_widened(tmp_path: Path):
    net = build("icolorit-tiny")
    state = {key: t.bfloat16() for key, t in filled("icolorit-tiny").items()}
    put(net, state, "file")
    assert all(t.dtype == torch.float32 for t in net.parameters())


def test_a_norm_that_was_resaved_gives_the_same_weight():
    state = filled("ddcolor-tiny")
    stem = "refine_net.0.0."
    one = {k: t for k, t in state.items() if k.startswith(stem)}
    other = {
        stem + new: one[stem + old]
        for old, new in (
            ("weight_orig", "parametrizations.weight.original"),
            ("weight_u", "parametrizations.weight.0._u"),
            ("weight_v", "parametrizations.weight.0._v"),
        )
    }
    folded = fold(dict(one))[stem + "weight"]
    assert torch.equal(fold(dict(other))[stem + "weight"], folded)
    # the other order of names: the vectors come before the free weight
    assert torch.equal(fold(dict(reversed(one.items())))[stem + "weight"], folded)


def test_what_is_missing_unexpected_and_misshapen_is_named():
    state = filled("icolorit-tiny")
    del state["norm.weight"]
    state["norm.bias"] = torch.zeros(3)
    state["extra.weight"] = torch.zeros(3)
    with pytest.raises(ModelError) as refused:
        put(build("icolorit-tiny"), state, "it.pth")
    assert str(refused.value) == (
        "it.pth: lacks norm.weight and has unexpected extra.weight and has misshapen norm.bias "
        "(3, wanted 192); get the authors' file again"
    )


def test_a_norm_without_its_vector_is_named_by_what_it_lacks():
    state = filled("ddcolor-tiny")
    del state["refine_net.0.0.weight_u"], state["decoder.last_shuf.conv.0.weight_v"]
    with pytest.raises(ModelError) as refused:
        put(build("ddcolor-tiny"), state, "it.pth")
    assert str(refused.value) == (
        "it.pth: lacks decoder.last_shuf.conv.0.weight_v, refine_net.0.0.weight_u; "
        "get the authors' file again"
    )


def test_values_that_are_no_numbers_are_named():
    state = filled("icolorit-tiny")
    state["blocks.3.mlp.fc1.bias"][7] = float("nan")
    with pytest.raises(ModelError, match=r"no numbers in blocks\.3\.mlp\.fc1\.bias"):
        put(build("icolorit-tiny"), state, "file")


def test_another_order_of_places_is_refused_and_the_right_one_taken():
    for network in ("icolorit-tiny",):
        net = build(network)
        right = net.relative_position_index()  # type: ignore[operator]
        key = "blocks.0.attn.relative_position_index"
        put(net, {**filled(network), key: right}, "file")
        with pytest.raises(ModelError, match=f"another order of places in {key}"):
            put(build(network), {**filled(network), key: right.T}, "file")
