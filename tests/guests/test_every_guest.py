"""Every network from its authors' file to a coloured photograph: `make guests`, minutes, 4 GB."""

import json
from pathlib import Path

import pytest
import torch

from core.learn.guests import GUESTS, build
from tests.guests.files import RECORDS, filled
from tests.photographs import gray, save

#: Networks without a record of their own, and how they come from one that has it.
LIKE = {"deoldify-video": "deoldify-stable", "icolorit-small": ""}


def authors_file(network: str) -> dict[str, torch.Tensor]:
    """Tensors as the authors name them; of a network without a record, those that ours has."""
    like = LIKE.get(network, network)
    if like:
        return filled(like)
    random = torch.Generator().manual_seed(0)
    shapes = {name: tensor.shape for name, tensor in build(network).state_dict().items()}
    return {name: torch.randn(s, generator=random) * 0.02 for name, s in shapes.items()}


def test_every_network_has_a_record_or_one_like_it():
    recorded = {
        path.stem.removeprefix("parity-").removesuffix("-case1") for path in RECORDS.iterdir()
    }
    assert recorded | set(LIKE) == set(GUESTS)


@pytest.mark.guests
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("network", GUESTS)
def test_two_commands_colour_a_photograph(call, network: str, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("PHOTOCHROM_MODELS", str(tmp_path / "models"))
    torch.save({"params": authors_file(network)}, tmp_path / "weights")
    given = ("--as", network) if network == "deoldify-video" else ()
    code, said, _ = call("models", "convert", *given, tmp_path / "weights")
    assert code == 0 and said.startswith(f"{network}: ")
    facts = [json.loads(line) for line in call("models", "list", "--json")[1].splitlines()][-1]
    assert facts["name"] == network and facts["side"] == GUESTS[network].side
    photograph = save(tmp_path / "a.png", gray(300, 200))
    words = ("colorize", photograph, "-o", tmp_path / "b.png", "--model", network)
    assert call(*words)[0] == 0
    assert call("verify", photograph, tmp_path / "b.png")[0] == 0
