"""The network that restores: what it learns, and how it comes before another one's eyes."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from core.colorizer import Colorizer
from core.colour.lab import srgb_to_lab
from core.errors import OptionsError
from core.job.job import Job
from core.job.one_file import run
from core.learn.batch import NetworkOutput, TrainingBatch
from core.learn.checkpoint import load_checkpoint, network_of, save_atomically
from core.learn.losses.restoration import restored
from core.learn.nets import build
from core.model.session import open_session
from tests.model_files import write_model
from tests.train.pictures import picture, shard
from train import commands
from train.data.augment import Augment, training_batch
from train.recipe import read
from train.recipe_files import RECIPES
from train.run import run as run_training


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data, a run that has learnt a little, a model, and both in one file."""
    folder = tmp_path_factory.mktemp("restore")
    shard(folder / "data.tar", {"cats": 12, "dogs": 8})
    recipe = read(RECIPES / "restore.toml")
    training = replace(recipe.train, sizes=((32, 8),), warm_up=1, ema=0.5)
    recipe = replace(recipe, train=training, data=replace(recipe.data, validation=4))
    run_training(
        recipe,
        folder / "data.tar",
        folder / "run",
        cache=folder / "cache",
        steps=8,
        say=lambda _: None,
    )
    state = load_checkpoint(folder / "run" / "best.pt")
    # as if it had learnt much: what it answers is far from what it sees
    torch.nn.init.normal_(state["average"]["last.weight"], std=0.5)
    save_atomically(state, folder / "run" / "best.pt")
    write_model(folder / "model.onnx", hints=True)
    export(folder / "model.onnx", "-o", folder / "both.onnx", "--restore", folder / "run")
    return folder


def export(*words: object) -> str:
    answer = CliRunner().invoke(commands.export, list(map(str, words)), catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    return answer.output


def test_a_run_is_judged_by_what_is_left_of_the_damage(work: Path):
    rows = [json.loads(row) for row in (work / "run/log.jsonl").read_text().splitlines()]
    last = [row for row in rows if "score" in row][-1]
    assert last["error_restored"] == last["score"] > 0 and last["error_seen"] > 1
    assert last["error_restored"] != last["error_seen"]


def test_it_learns_to_undo_damage():
    torch.manual_seed(1)
    recipe, net = read(RECIPES / "restore.toml"), build("restore", width=16)
    pixels = torch.from_numpy(np.stack([picture(seed, 32, 32) for seed in range(4)]))
    batch = training_batch(pixels, recipe.augment, 5)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    for _ in range(70):
        optimizer.zero_grad()
        restored(net(batch.lightness), batch, net, edges=0.5).backward()
        optimizer.step()
    assert batch.clean is not None
    before, after = (
        (lightness - batch.clean).abs().mean()
        for lightness in (batch.lightness, net(batch.lightness).native)
    )
    assert after < 0.6 * before


def test_a_batch_has_the_lightness_before_it_was_made_to_look_old():
    pixels = torch.from_numpy(np.stack([picture(seed, 32, 32) for seed in range(4)]))
    old = training_batch(pixels, Augment(old_film=1.0, hints=0.0), 3)
    plain = training_batch(pixels, Augment(old_film=0.0, hints=0.0), 3)
    assert old.clean is not None and plain.clean is None
    assert torch.equal(old.clean, plain.lightness) and not torch.equal(old.lightness, old.clean)
    first = old.first(2).clean
    assert first is not None and len(first) == 2


def test_the_loss_is_of_lightness_and_of_its_edges():
    truth = torch.zeros(1, 1, 2, 2)
    batch = TrainingBatch(truth + 50, torch.zeros(1, 2, 2, 2), torch.zeros(1, 3, 2, 2), truth)
    answer = torch.tensor([[10.0, 0.0], [0.0, 0.0]]).view(1, 1, 2, 2)
    net = type("Net", (), {"restores": True})
    given = NetworkOutput(truth.expand(1, 2, 2, 2), native=answer)
    # of four pixels one is 0.1 off; of two steps along each axis one is
    assert restored(given, batch, net).item() == pytest.approx(0.1 / 4 + 2 * 0.1 / 2 / 2)
    assert restored(given, batch, net, edges=0.0).item() == pytest.approx(0.1 / 4)
    with pytest.raises(OptionsError, match="restores nothing; use restore"):
        restored(given, batch, object())


def test_the_model_sees_what_the_restorer_answers_and_keeps_its_hints(work: Path):
    lightness = srgb_to_lab(picture(3, 64, 96) / 255)[..., 0].astype(np.float32)
    alone, both = (open_session(work / name, "cpu") for name in ("model.onnx", "both.onnx"))
    net = network_of(work / "run")
    with torch.no_grad():
        answer = net(torch.from_numpy(lightness)[None, None]).native
    cleaned = answer[0, 0].numpy()
    assert np.abs(cleaned - lightness).mean() > 1
    hints = np.zeros((3, 64, 96), np.float32)
    hints[:, 20:30, 20:30] = np.array([30, -20, 1])[:, None, None]
    for given in (None, hints):
        theirs = both.predict(lightness, given).chroma
        np.testing.assert_allclose(alone.predict(cleaned, given).chroma, theirs, atol=0.05)
    described = both.description
    assert described.name == f"{alone.description.name}-restoring"
    assert "restore: step 8" in described.training and described.takes_hints


def test_what_is_written_keeps_the_photographers_lightness(work: Path, tmp_path: Path):
    """The same source through both models: the same lightness, other colours."""
    source = tmp_path / "gray.png"
    Image.fromarray(picture(5, 64, 96)).convert("L").save(source)
    lightness = []
    chroma = []
    for name in ("model.onnx", "both.onnx"):
        out = tmp_path / f"{name}.png"
        outcome = run(Job(source, out), Colorizer.open(str(work / name), "cpu"))
        assert outcome.status == "done", outcome
        lab = srgb_to_lab(np.asarray(Image.open(out).convert("RGB")) / 255)
        lightness.append(lab[..., 0])
        chroma.append(lab[..., 1:])
    true = srgb_to_lab(np.asarray(Image.open(source).convert("RGB")) / 255)[..., 0]
    for written in lightness:
        assert np.abs(written - true).max() <= 0.25
    assert np.abs(chroma[0] - chroma[1]).max() > 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run"], "the network restore does not colour; export a model that does"),
        (["model.onnx"], "a model file can be given --restore, and nothing else"),
        (["model.onnx", "--fp16", "--restore", "run"], "--restore, and nothing else"),
    ],
)
def test_what_cannot_be_exported_is_said(work: Path, words: list[str], said: str):
    given = [str(work / word) if not word.startswith("-") else word for word in words]
    with pytest.raises(OptionsError, match=said):
        export(*given, "-o", work / "never.onnx")
    assert not (work / "never.onnx").exists()
