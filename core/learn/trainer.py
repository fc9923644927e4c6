"""The training loop: data, forward, loss, backward, step, log, validate, save, in that order.

One page without hooks. `train` is the only entry; a run lives in one folder: `last.pt` (all that
a resumed run needs), `best.pt` (the averaged weights with the lowest validation score),
TensorBoard files, `log.jsonl`.
"""

import copy
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from core.errors import InterruptedJob, PhotochromError, ServiceError
from core.learn import parallel
from core.learn.batch import NetworkOutput, TrainingBatch
from core.learn.checkpoint import (
    CHECKPOINT_VERSION,
    load_checkpoint,
    random_state,
    same_recipe,
    save_atomically,
    set_random_state,
)
from core.learn.losses import Term, objective
from core.learn.throughput import Throughput
from core.learn.training_log import open_board, report, show_pictures

#: What a budget is counted by: seconds, since whenever.
CLOCKS = {"wall": time.monotonic, "cpu": time.process_time}
OPTIMIZERS = ("adamw", "adam", "sgd", "rmsprop")
SCHEDULES = ("cosine", "constant", "steps")
#: What a run writes into its folder, beside TensorBoard's files.
RUN_FILES = ("last.pt", "best.pt", "log.jsonl")


@dataclass(frozen=True, slots=True)
class Training:
    """A recipe's `[train]` table. Learning rates are peaks; times are in minutes."""

    sizes: tuple[tuple[int, int], ...] = ((128, 24),)  # (side in px, pictures a batch)
    steps: int = 10_000
    optimizer: str = "adamw"
    learning_rate: float = 1.2e-3
    learns: tuple[str, ...] = ()  # name prefixes of tensors that learn, all others stay; empty: all
    rates: dict[str, float] = field(default_factory=dict)  # name prefix -> share of the rate
    weight_decay: float = 1e-4
    momentum: float = 0.9  # of sgd and rmsprop
    betas: tuple[float, float] = (0.9, 0.999)  # of adam and adamw
    rho: float = 0.99  # of rmsprop: how much of the squared gradients' mean stays; Keras: 0.9
    epsilon: float = 1e-8  # of all but sgd; Keras: 1e-7
    start: str = "torch"  # or "glorot", Keras' first weights
    schedule: str = "cosine"  # or "constant", or "steps"
    final_rate: float = 0.02  # the cosine's end, as a share of the peak
    # of steps: (share of the run, share of the peak from there on); Zhang's at 200 and 375 of 450
    drops: tuple[tuple[float, float], ...] = ((0.444, 1 / 3), (0.833, 0.1))
    warm_up: int = 200  # steps
    clip: float = 2.0  # largest norm of the gradient; 0: none
    ema: float = 0.9995
    seed: int = 1
    clock: str = "wall"  # or "cpu": a budget of the process' own time, where others work too
    accumulate: int = 1  # batches a step: their mean gradient, for the memory of one
    precision: str = "float32"  # or "bfloat16": autocast
    compile: bool = False  # torch.compile: minutes at the start, for every size of picture
    log_every: int = 20  # steps
    save_minutes: float = 5.0
    validate_minutes: float = 30.0
    validate_steps: int = 0  # also after so many steps; 0: by the clock alone

    @property
    def pictures_a_step(self) -> float:
        """How many pictures a step learns from, on average over the sizes that it may draw."""
        return self.accumulate * sum(count for _, count in self.sizes) / len(self.sizes)

    def steps_for(self, pictures: int) -> int:
        """The steps that see so many pictures, or a few more."""
        return max(1, math.ceil(pictures / self.pictures_a_step))


def train(
    net: nn.Module,
    batches: Callable[[int], Iterator[TrainingBatch]],
    terms: Sequence[Term],
    settings: Training,
    out: Path,
    *,
    about: dict[str, Any],
    validate: Callable[[nn.Module], dict[str, float]] | None = None,
    budget_seconds: float | None = None,
    resume: bool = False,
    say: Callable[[str], None] = print,
) -> Path:
    """Train `net` and answer with the folder's best checkpoint (the last one without validation).

    `batches(step)` starts the data at a step; `about` (recipe, commit, command) goes into every
    checkpoint. With a budget the schedule follows the clock, else `settings.steps`; only the
    latter resumes to the same bits, on a CPU (a GPU adds in any order). Raises InterruptedJob on
    SIGINT, after saving; SIGTERM saves and returns; a loss that is not finite stops the run and
    names the last good checkpoint. Under torchrun (`core.learn.parallel`) `batches` gives this
    process' share, and the first process alone writes, says and validates.
    """
    out.mkdir(parents=True, exist_ok=True)
    first = parallel.place()[0] == 0
    device = learning_device()
    net = net.to(device).to(memory_format=torch.channels_last).train()  # pyright: ignore[reportCallIssue]
    hold_still(net, settings.learns)
    optimizer = optimizer_of(net, settings)
    average = copy.deepcopy(net).eval().requires_grad_(False)
    step, elapsed, best = 0, 0.0, math.inf
    torch.manual_seed(settings.seed)
    if resume:
        saved = load_checkpoint(out / "last.pt")
        same_recipe(saved, about, out / "last.pt")
        net.load_state_dict(saved["net"])
        average.load_state_dict(saved["average"])
        optimizer.load_state_dict(saved["optimizer"])
        set_random_state(saved["random"])
        step, elapsed, best = saved["step"], saved["elapsed"], saved["best"]
    answer_of = torch.compile(net) if settings.compile else net  # the same tensors, other kernels

    def done() -> float:
        """Which share of the run is behind, 0..1 and beyond."""
        return elapsed / budget_seconds if budget_seconds else step / settings.steps

    def save(name: str, **extra: Any) -> None:
        state = {
            "version": CHECKPOINT_VERSION,
            "about": about,
            "step": step,
            "best": best,
            "elapsed": elapsed,
            "progress": done(),
            "average": average.state_dict(),
            **extra,
        }
        if first:
            save_atomically(state, out / name)

    def save_last() -> None:
        own = {"net": net.state_dict(), "optimizer": optimizer.state_dict()}
        save("last.pt", **own, random=random_state())

    def learn_from(batch: TrainingBatch) -> tuple[NetworkOutput, Tensor, dict[str, Tensor]]:
        with torch.autocast(device.type, torch.bfloat16, settings.precision == "bfloat16"):
            prediction = answer_of(batch.lightness, batch.hints)
            loss, parts = objective(terms, prediction, batch, net)
        (loss / settings.accumulate).backward()
        return prediction, loss, parts

    stop = _StopSignals()
    board = open_board(out) if first else None
    data = batches(step * settings.accumulate)
    throughput = Throughput(net, device, settings.precision)
    if first:
        say(f"the device's peak: {throughput.peak}")
    clock = CLOCKS[settings.clock]
    started = clock() - elapsed
    saved_at = validated_at = elapsed
    validated_step = -1
    with stop, (out / "log.jsonl").open("a") as log:
        while True:
            progress = parallel.largest(done(), device)
            if progress >= 1 or parallel.largest(bool(stop.signal_number), device):
                break
            rate = learning_rate(settings, step, progress)
            for group in optimizer.param_groups:
                group["lr"] = rate * group["factor"]

            optimizer.zero_grad(set_to_none=True)
            turn = 0
            while True:
                with throughput.waiting():
                    batch = _on(device, next(data))
                try:
                    with throughput.learning(batch.lightness.shape):
                        prediction, loss, parts = learn_from(batch)
                except RuntimeError as error:
                    raise (
                        _uncompiled(error) or _out_of_memory(error, learn_from, batch) or error
                    ) from error
                turn += 1
                if turn >= settings.accumulate:
                    break
            parallel.average_gradients(net)
            with throughput.learning():
                norm = _clip(net, settings.clip or math.inf)
            if not math.isfinite(norm):  # the gradient's norm is nan or inf whenever the loss is
                last = out / "last.pt"
                good = f"the last good checkpoint is {last}" if last.is_file() else ""
                raise PhotochromError(f"loss is not finite at step {step}", file=out, remedy=good)
            with throughput.learning():
                optimizer.step()
            step += 1
            # a short memory at the start: the first weights should not linger in the average
            _blend(average, net, min(settings.ema, (1 + step) / (10 + step)))

            elapsed = clock() - started
            if step % settings.log_every == 0:
                row = {"step": step, "minutes": round(elapsed / 60, 2), "loss": loss.item()}
                row |= {name: part.item() for name, part in parts.items()}
                row |= {"rate": rate, **throughput.row()}
                report(row, log, board, say)
            due = elapsed - validated_at >= settings.validate_minutes * 60
            if settings.validate_steps and step % settings.validate_steps == 0:
                due = True
            if first and validate and due:
                began = clock()
                with throughput.pausing():
                    scores = validate(average)
                    if scores["score"] < best:
                        best = scores["score"]
                        save("best.pt")
                    report({"step": step, "minutes": elapsed / 60, **scores}, log, board, say)
                    show_pictures(board, step, prediction, batch)
                # a budget is for learning: a network that is slow to judge loses none of it
                started += clock() - began
                validated_at, validated_step = elapsed, step
            if elapsed - saved_at >= settings.save_minutes * 60:
                with throughput.pausing():
                    save_last()
                saved_at = elapsed
        save_last()
        if first and validate and not stop.signal_number and validated_step < step:
            scores = validate(average)
            report({"step": step, "minutes": elapsed / 60, **scores}, log, board, say)
            if scores["score"] < best:
                best = scores["score"]
                save("best.pt")
    if board:
        board.close()
    if stop.signal_number == signal.SIGINT:
        raise InterruptedJob("stopped and saved", file=out, remedy="go on with --resume")
    return out / ("best.pt" if (out / "best.pt").is_file() else "last.pt")


def learning_device() -> torch.device:
    """The first GPU, or the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _on(device: torch.device, batch: TrainingBatch) -> TrainingBatch:
    lightness = batch.lightness.to(device, memory_format=torch.channels_last)
    clean = None if batch.clean is None else batch.clean.to(device)
    return TrainingBatch(lightness, batch.chroma.to(device), batch.hints.to(device), clean)


def _uncompiled(error: RuntimeError) -> ServiceError | None:
    """What to say when torch.compile has failed, most often since there is no C++ compiler."""
    if not type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
        return None
    what = str(error).strip().partition("\n")[0]
    remedy = "install a C++ compiler (g++), or set compile = false"
    return ServiceError(f"torch.compile failed: {what}", remedy=remedy)


def _out_of_memory(
    error: RuntimeError, learn_from: Callable[[TrainingBatch], Any], batch: TrainingBatch
) -> PhotochromError | None:
    """What to say when a batch did not fit: how many pictures do, found by trying halves."""
    if not _is_out_of_memory(error):
        return None
    count, side = len(batch), batch.lightness.shape[-1]
    fits = count // 2
    while fits:
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        try:
            learn_from(batch.first(fits))
        except RuntimeError as smaller:
            if not _is_out_of_memory(smaller):
                raise
            fits //= 2
        else:
            break
    remedy = "not even one fits: take smaller pictures"
    if fits:
        remedy = f"set sizes = [[{side}, {fits}]] and accumulate = {math.ceil(count / fits)}"
    return PhotochromError(
        f"{count} pictures of {side} px do not fit in memory", kind="out-of-memory", remedy=remedy
    )


def _is_out_of_memory(error: RuntimeError) -> bool:
    # the CPU's allocator has no error type of its own
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def learning_rate(settings: Training, step: int, progress: float) -> float:
    """The rate at a step; `progress` 0..1 is the share of the run that is done."""
    rate = settings.learning_rate
    if settings.schedule == "cosine":
        cosine = (1 + math.cos(math.pi * min(progress, 1.0))) / 2
        rate *= settings.final_rate + (1 - settings.final_rate) * cosine
    elif settings.schedule == "steps":
        rate *= next((share for begins, share in reversed(settings.drops) if progress >= begins), 1)
    return rate * min(1.0, (step + 1) / max(1, settings.warm_up))


def hold_still(net: nn.Module, learns: tuple[str, ...]) -> None:
    """Nothing but the tensors of these prefixes learns; the norms of the others keep still, too."""
    if not learns:
        return
    for name, tensor in net.named_parameters():
        tensor.requires_grad_(name.startswith(learns))
    for module in net.modules():
        if not any(tensor.requires_grad for tensor in module.parameters()):
            module.eval()


def optimizer_of(net: nn.Module, settings: Training) -> torch.optim.Optimizer:
    """The recipe's optimizer over all that learns; each group has the `factor` of its rate."""
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for name, tensor in net.named_parameters():
        if tensor.requires_grad:
            factor = next((x for start, x in settings.rates.items() if name.startswith(start)), 1.0)
            # norms and biases have no direction to shrink
            decay = settings.weight_decay if tensor.ndim > 1 else 0.0
            groups.setdefault((factor, decay), []).append(tensor)
    parameters = [
        {"params": tensors, "factor": factor, "weight_decay": decay}
        for (factor, decay), tensors in groups.items()
    ]
    rate, momentum, epsilon = settings.learning_rate, settings.momentum, settings.epsilon
    match settings.optimizer:
        case "adamw":
            return torch.optim.AdamW(parameters, lr=rate, betas=settings.betas, eps=epsilon)
        case "adam":
            return torch.optim.Adam(parameters, lr=rate, betas=settings.betas, eps=epsilon)
        case "sgd":
            return torch.optim.SGD(parameters, lr=rate, momentum=momentum)
        case "rmsprop":
            return torch.optim.RMSprop(
                parameters, lr=rate, momentum=momentum, alpha=settings.rho, eps=epsilon
            )
    raise ValueError(settings.optimizer)


def _clip(net: nn.Module, largest: float) -> float:
    """Clips the gradients of the network, and apart from it those of its critic; their norm."""
    named = [(name, tensor) for name, tensor in net.named_parameters() if tensor.grad is not None]
    critic = [tensor for name, tensor in named if name.startswith("critic.")]
    painter = [tensor for name, tensor in named if not name.startswith("critic.")]
    norms = [nn.utils.clip_grad_norm_(side, largest) for side in (painter, critic) if side]
    return float(sum(norms))


@torch.no_grad()
def _blend(average: nn.Module, net: nn.Module, decay: float) -> None:
    """Exponential moving average of weights and of the norms' statistics, in place."""
    current = net.state_dict()
    for name, kept in average.state_dict().items():
        if kept.is_floating_point():
            kept.lerp_(current[name], 1 - decay)
        else:
            kept.copy_(current[name])


class _StopSignals:
    """SIGINT and SIGTERM ask the loop to stop after the step; outside the main thread: nothing."""

    signal_number: int = 0

    def __enter__(self) -> None:
        self._before = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._ask)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, _frame: object) -> None:
        self.signal_number = number
