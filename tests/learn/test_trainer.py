"""The loop: it learns, stops when asked, saves whole files, and never goes on from nonsense."""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from core.errors import InterruptedJob, PhotochromError
from core.learn.batch import NetworkOutput, TrainingBatch
from core.learn.checkpoint import (
    CHECKPOINT_VERSION,
    load_checkpoint,
    random_state,
    save_atomically,
    set_random_state,
)
from core.learn.losses import Term
from core.learn.trainer import Training, learning_rate, train

SETTINGS = Training(learning_rate=0.05, warm_up=1, ema=0.5, log_every=2, steps=6)
TERMS = [Term("smooth_l1", 1.0, {})]
ABOUT = {"recipe": "tiny"}


class Tiny(nn.Module):
    """Two convolutions and a norm: enough to have all kinds of state."""

    stride, multiple, takes_hints, bins = 1, 1, False, None

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(7)
        self.body = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 1)
        )

    def forward(self, lightness, hints=None) -> NetworkOutput:
        return NetworkOutput(self.body(lightness / 100) * 50)


class Plain(Tiny):
    """Without the norm, whose statistics are those of a process' own share of the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.body[1] = nn.Identity()


class Crowded(Tiny):
    """A network that has memory for two pictures at once."""

    def forward(self, lightness, hints=None) -> NetworkOutput:
        if len(lightness) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return super().forward(lightness, hints)


def batches(step: int) -> Iterator[TrainingBatch]:
    """Bright is orange, dark is blue."""
    while True:
        random = torch.Generator().manual_seed(step)
        lightness = torch.rand(4, 1, 8, 8, generator=random) * 100
        chroma = torch.cat((lightness - 50, lightness - 50), 1)
        yield TrainingBatch(lightness, chroma, torch.zeros(4, 3, 8, 8))
        step += 1


def start(out: Path, **options) -> Path:
    settings = options.pop("settings", SETTINGS)
    return train(
        options.pop("net", None) or Tiny(),
        options.pop("batches", batches),
        TERMS,
        settings,
        out,
        about=ABOUT,
        say=lambda _: None,
        **options,
    )


def test_all_but_what_is_to_learn_stays_as_it_is(tmp_path: Path):
    """The norm's statistics, too."""
    before = Tiny().state_dict()
    start(tmp_path, settings=replace(SETTINGS, learns=("body.3",)))
    saved = load_checkpoint(tmp_path / "last.pt")
    for weights in (saved["net"], saved["average"]):
        changed = {name for name in before if not torch.equal(weights[name], before[name])}
        assert changed == {"body.3.weight", "body.3.bias"}


def test_it_learns_what_the_batches_teach(tmp_path: Path):
    start(tmp_path, settings=replace(SETTINGS, steps=60))
    losses = [json.loads(line)["loss"] for line in (tmp_path / "log.jsonl").open()]
    assert len(losses) == 30
    assert losses[-1] < losses[0] / 4


def test_tensorboard_has_what_the_log_has(tmp_path: Path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    start(tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").open()]
    board = EventAccumulator(str(tmp_path)).Reload()
    for name in ("loss", "rate", "pictures_per_second", "of_peak", "waiting", "overhead"):
        shown = {event.step: event.value for event in board.Scalars(name)}
        assert shown == pytest.approx({row["step"]: row[name] for row in rows}), name
    assert all(0 < row["waiting"] < row["overhead"] < 1 and row["of_peak"] > 0 for row in rows)


def test_bfloat16_learns_too_and_keeps_its_weights_in_float32(tmp_path: Path):
    start(tmp_path, settings=replace(SETTINGS, steps=60, precision="bfloat16"))
    losses = [json.loads(line)["loss"] for line in (tmp_path / "log.jsonl").open()]
    assert losses[-1] < losses[0] / 4
    weights = load_checkpoint(tmp_path / "last.pt")["net"]
    assert all(t.dtype is torch.float32 for t in weights.values() if t.is_floating_point())


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_a_compiled_run_learns_the_same(tmp_path: Path):
    plain = load_checkpoint(start(tmp_path / "plain"))["net"]
    compiled = load_checkpoint(
        start(tmp_path / "compiled", settings=replace(SETTINGS, compile=True))
    )["net"]
    for name in ("body.0.weight", "body.1.bias", "body.3.weight", "body.3.bias"):
        torch.testing.assert_close(compiled[name], plain[name], atol=1e-5, rtol=1e-4)


def test_compilation_without_a_compiler_says_what_is_missing(tmp_path: Path, monkeypatch):
    torch.compiler.reset()
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", (None, "/no/such/compiler"))
    monkeypatch.setattr("torch._inductor.config.force_disable_caches", True)
    with pytest.raises(PhotochromError, match=r"torch.compile failed.*set compile = false"):
        start(tmp_path, settings=replace(SETTINGS, compile=True))


def test_it_looks_at_the_validation_pictures_every_so_many_steps(tmp_path: Path):
    start(tmp_path, settings=replace(SETTINGS, validate_steps=2), validate=lambda _: {"score": 1.0})
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").open()]
    assert [row["step"] for row in rows if "score" in row] == [2, 4, 6]


def test_the_best_checkpoint_of_the_last_step_is_that_of_a_whole_run(tmp_path: Path):
    scores = iter((3.0, 2.0, 1.0))
    start(
        tmp_path,
        settings=replace(SETTINGS, validate_steps=2),
        validate=lambda _: {"score": next(scores)},
    )
    best = load_checkpoint(tmp_path / "best.pt")
    assert (best["step"], best["progress"]) == (6, 1.0)


def test_adams_memory_is_the_recipes(tmp_path: Path):
    start(tmp_path, settings=replace(SETTINGS, optimizer="adam", betas=(0.5, 0.9)))
    (group, *_) = load_checkpoint(tmp_path / "last.pt")["optimizer"]["param_groups"]
    assert tuple(group["betas"]) == (0.5, 0.9)


def test_rmsprop_with_keras_settings_takes_keras_first_step(tmp_path: Path):
    """rate x g / (sqrt((1 - rho) g^2) + epsilon): 3.16 rates for any gradient that is not tiny."""
    net = Plain()
    before = net.get_parameter("body.0.weight").detach().clone()
    plain = replace(SETTINGS, steps=1, clip=0.0, weight_decay=0.0)
    settings = replace(plain, optimizer="rmsprop", momentum=0.0, rho=0.9, epsilon=1e-7)
    start(tmp_path, net=net, settings=settings)
    moved = (net.get_parameter("body.0.weight").detach() - before).abs()
    torch.testing.assert_close(
        moved, torch.full_like(moved, settings.learning_rate / 0.1**0.5), rtol=1e-3, atol=0
    )


def test_a_budget_of_pictures_is_as_many_steps_as_see_them():
    settings = replace(SETTINGS, sizes=((32, 4), (64, 2)), accumulate=2)
    assert settings.pictures_a_step == 6
    assert [settings.steps_for(pictures) for pictures in (1, 12, 13)] == [1, 2, 3]


def test_a_resumed_run_ends_with_the_bits_of_one_that_never_stopped(tmp_path: Path):
    constant = replace(SETTINGS, schedule="constant")
    start(tmp_path / "whole", settings=constant)
    start(tmp_path / "parts", settings=replace(constant, steps=3))
    start(tmp_path / "parts", settings=constant, resume=True)
    whole, parts = (load_checkpoint(tmp_path / n / "last.pt") for n in ("whole", "parts"))
    for kind in ("net", "average"):
        for name, tensor in whole[kind].items():
            assert torch.equal(tensor, parts[kind][name]), name
    assert not torch.equal(whole["net"]["body.0.weight"], Tiny().state_dict()["body.0.weight"])


def test_a_run_killed_without_warning_goes_on_to_the_same_bits(tmp_path: Path):
    script = textwrap.dedent(f"""
        import os, signal, sys
        from dataclasses import replace
        from pathlib import Path
        import torch
        from tests.learn.test_trainer import SETTINGS, batches, start
        torch.set_num_threads(1)  # as here: sums depend on their order

        def dying(step):
            for batch in batches(step):
                if step == 4:
                    os.kill(os.getpid(), signal.SIGKILL)
                yield batch
                step += 1

        start(Path({str(tmp_path / "killed")!r}), batches=dying,
              settings=replace(SETTINGS, save_minutes=0.0))
    """)
    killed = subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[2])
    assert killed.returncode == -signal.SIGKILL
    assert load_checkpoint(tmp_path / "killed" / "last.pt")["step"] == 4
    start(tmp_path / "killed", resume=True)
    start(tmp_path / "whole")
    whole, gone_on = (load_checkpoint(tmp_path / n / "last.pt") for n in ("whole", "killed"))
    for name, tensor in whole["net"].items():
        assert torch.equal(tensor, gone_on["net"][name]), name


def _signalling(number: int):
    def signalling(step: int) -> Iterator[TrainingBatch]:
        for batch in batches(step):
            if step == 2:
                os.kill(os.getpid(), number)
            yield batch
            step += 1

    return signalling


def test_sigterm_saves_and_returns(tmp_path: Path):
    before = signal.getsignal(signal.SIGTERM)
    start(tmp_path, batches=_signalling(signal.SIGTERM))
    assert load_checkpoint(tmp_path / "last.pt")["step"] == 3
    assert signal.getsignal(signal.SIGTERM) == before


def test_ctrl_c_saves_and_says_interrupted(tmp_path: Path):
    with pytest.raises(InterruptedJob) as stopped:
        start(tmp_path, batches=_signalling(signal.SIGINT))
    assert stopped.value.exit_code == 130
    assert load_checkpoint(tmp_path / "last.pt")["step"] == 3


def test_a_loss_that_is_not_finite_stops_and_names_the_last_good_checkpoint(tmp_path: Path):
    def spoilt(step: int) -> Iterator[TrainingBatch]:
        for batch in batches(step):
            if step == 3:
                batch.chroma[0, 0, 0, 0] = math.nan
            yield batch
            step += 1

    with pytest.raises(PhotochromError, match=r"step 3.*last\.pt"):
        start(tmp_path, batches=spoilt, settings=replace(SETTINGS, save_minutes=0.0))
    good = load_checkpoint(tmp_path / "last.pt")
    assert good["step"] == 3
    assert all(tensor.isfinite().all() for tensor in good["net"].values())


def test_the_best_checkpoint_is_the_one_with_the_lowest_score(tmp_path: Path):
    scores = iter([5.0, 3.0, 4.0, 9.0, 9.0, 9.0, 9.0])
    best = start(
        tmp_path,
        settings=replace(SETTINGS, validate_minutes=0.0),
        validate=lambda net: {"score": next(scores)},
    )
    assert best == tmp_path / "best.pt"
    kept = load_checkpoint(best)
    assert (kept["step"], kept["best"]) == (2, 3.0)


def test_the_average_follows_the_weights_and_the_norms_statistics(tmp_path: Path):
    start(tmp_path, settings=replace(SETTINGS, ema=0.0))
    state = load_checkpoint(tmp_path / "last.pt")
    for name, tensor in state["net"].items():
        torch.testing.assert_close(state["average"][name], tensor)


def test_a_full_disk_leaves_the_old_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "last.pt"
    save_atomically({"version": 1, "kept": True}, path)

    def full(state, file):
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="No space"):
        save_atomically({"version": 1, "kept": False}, path)
    assert load_checkpoint(path)["kept"] is True
    assert [file.name for file in tmp_path.iterdir()] == ["last.pt"]


def test_a_checkpoint_of_another_recipe_of_a_newer_version_or_damaged_is_refused(tmp_path: Path):
    start(tmp_path)
    with pytest.raises(PhotochromError, match="another recipe"):
        train(Tiny(), batches, TERMS, SETTINGS, tmp_path, about={"recipe": "x"}, resume=True)
    path = tmp_path / "last.pt"
    save_atomically({"version": CHECKPOINT_VERSION + 1}, path)
    with pytest.raises(PhotochromError, match="version 2"):
        load_checkpoint(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(PhotochromError, match="not a whole checkpoint"):
        load_checkpoint(path)
    with pytest.raises(PhotochromError, match="no checkpoint"):
        load_checkpoint(tmp_path / "absent.pt")


def test_the_learning_rate_warms_up_and_falls_along_a_cosine():
    settings = replace(SETTINGS, learning_rate=1.0, warm_up=10, final_rate=0.1)
    assert learning_rate(settings, 0, 0.0) == pytest.approx(0.1)
    assert learning_rate(settings, 9, 0.0) == pytest.approx(1.0)
    assert learning_rate(settings, 500, 0.5) == pytest.approx(0.55)
    assert learning_rate(settings, 999, 1.0) == pytest.approx(0.1)
    constant = replace(settings, schedule="constant")
    assert learning_rate(constant, 999, 1.0) == pytest.approx(1.0)


def test_zhangs_rates_fall_in_steps_at_their_shares_of_the_run():
    settings = replace(SETTINGS, learning_rate=3e-5, warm_up=1, schedule="steps")
    thousands = {0: 3e-5, 199: 3e-5, 201: 1e-5, 374: 1e-5, 376: 3e-6, 450: 3e-6}
    rates = {t: learning_rate(settings, 1000 * t, t / 450) for t in thousands}
    assert rates == pytest.approx(thousands)
    own = replace(settings, drops=((0.5, 0.25),))
    assert learning_rate(own, 9, 0.49) == 3e-5 and learning_rate(own, 9, 0.5) == 3e-5 / 4


def test_tensors_learn_at_their_share_of_the_rate(tmp_path: Path):
    """SGD's first step moves by rate x gradient, so that the ratio of moves is the factor."""
    moves = []
    for rates in ({}, {"body.0": 0.25}):
        net = Tiny()
        before = net.get_parameter("body.0.weight").detach().clone()
        settings = replace(SETTINGS, optimizer="sgd", steps=1, rates=rates, weight_decay=0.0)
        start(tmp_path / str(len(rates)), net=net, settings=settings)
        moves.append((net.get_parameter("body.0.weight").detach() - before).abs().max().item())
    assert moves[1] == pytest.approx(moves[0] / 4, rel=1e-3)


def test_a_checkpoint_keeps_the_generators_of_every_device(monkeypatch: pytest.MonkeyPatch):
    """Dropout on a GPU draws from the GPU's generator: without it a resumed run drops others."""
    generators = [torch.tensor([1, 2], dtype=torch.uint8), torch.tensor([3, 4], dtype=torch.uint8)]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", lambda: list(generators))
    monkeypatch.setattr(
        torch.cuda, "set_rng_state", lambda state, device: generators.__setitem__(device, state)
    )
    saved = random_state()
    expected = torch.rand(3)
    generators[:] = [torch.zeros(2, dtype=torch.uint8)] * 2
    set_random_state(saved)
    assert [state.tolist() for state in generators] == [[1, 2], [3, 4]]
    assert torch.equal(torch.rand(3), expected)


def test_two_accumulated_halves_take_the_step_of_the_whole_batch(tmp_path: Path):
    def halves(step: int) -> Iterator[TrainingBatch]:
        for batch in batches(step // 2):
            for half in (slice(0, 2), slice(2, 4)):
                yield TrainingBatch(batch.lightness[half], batch.chroma[half], batch.hints[half])

    start(tmp_path / "whole", net=Plain())
    start(
        tmp_path / "halves", net=Plain(), batches=halves, settings=replace(SETTINGS, accumulate=2)
    )
    whole, halved = (load_checkpoint(tmp_path / n / "last.pt") for n in ("whole", "halves"))
    for name, tensor in whole["net"].items():
        torch.testing.assert_close(halved["net"][name], tensor, atol=1e-5, rtol=1e-5)


def test_out_of_memory_says_how_many_pictures_fit(tmp_path: Path):
    with pytest.raises(PhotochromError) as refused:
        start(tmp_path, net=Crowded())
    assert refused.value.kind == "out-of-memory"
    assert "4 pictures of 8 px" in str(refused.value)
    assert "sizes = [[8, 2]] and accumulate = 2" in str(refused.value)


def test_another_error_of_the_network_is_not_taken_for_too_little_memory(tmp_path: Path):
    class Broken(Tiny):
        def forward(self, lightness, hints=None) -> NetworkOutput:
            raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes do not match"):
        start(tmp_path, net=Broken())


class Clock:
    """Moves by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("kind", ["wall", "cpu"])
def test_a_budget_ends_the_run_by_its_own_clock(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A step takes 2 s of the wall's clock and 1 s of the processor's; the budget is 10 s."""
    clocks = {"wall": Clock(), "cpu": Clock()}
    monkeypatch.setattr("core.learn.trainer.CLOCKS", clocks)

    def slow(step: int) -> Iterator[TrainingBatch]:
        for batch in batches(step):
            clocks["wall"].now += 2.0  # as when another process has the core half of the time
            clocks["cpu"].now += 1.0
            yield batch

    settings = replace(SETTINGS, clock=kind, steps=10**9)
    start(tmp_path, settings=settings, batches=slow, budget_seconds=10.0)
    state = load_checkpoint(tmp_path / "last.pt")
    assert state["elapsed"] == 10.0
    assert state["step"] == {"wall": 5, "cpu": 10}[kind]
