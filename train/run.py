"""Runs the training of a recipe on a data folder, for `photochrom train` and `compare`."""

import hashlib
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from core.errors import OptionsError, PhotochromError
from core.learn import parallel, predict, prior
from core.learn.checkpoint import built, load_checkpoint
from core.learn.export import weights_in
from core.learn.lab_torch import srgb_to_lab
from core.learn.measures.picture import judge, summary
from core.learn.starts import glorot
from core.learn.trainer import learning_device, train
from train.data.augment import Augment
from train.data.batches import BatchPlan, batches
from train.data.cache import Pictures
from train.data.cache import build as build_cache
from train.data.gpu_pictures import gpu_pictures_of
from train.data.sampling import PictureSampler, choose_pictures, has_colour, split
from train.data.shards import sources
from train.recipe import DataTable, Recipe
from train.restoration import restoration_score

#: Largest number of pictures in which the frequency of each colour is measured.
PRIOR_PICTURES = 1500


def run(
    recipe: Recipe,
    data: Path,
    out: Path,
    *,
    cache: Path,
    initial: Path | None = None,
    steps: int | None = None,
    pictures: int | None = None,
    budget_seconds: float | None = None,
    deadline: float | None = None,
    resume: bool = False,
    workers: int = 0,
    pictures_on_gpu: bool = False,
    say: Callable[[str], None] = print,
) -> Path:
    """Trains the network of a recipe on `data`, and returns the checkpoint to export.

    `out` is the folder of the run, `cache` that of the decoded pictures, `initial` a file of
    weights to begin with. `steps`, or as many as learn from `pictures` pictures, replace those of
    the recipe. Training ends after `budget_seconds`, or at `deadline` (monotonic seconds), which
    includes decoding. `workers` is the number of processes that cut crops; `pictures_on_gpu` holds
    all pictures in the memory of the device instead. Raises `PhotochromError` where the data cannot
    be used, `OptionsError` where the recipe cannot.
    """
    if pictures is not None:
        steps = recipe.train.steps_for(pictures)
    settings = recipe.train if steps is None else replace(recipe.train, steps=steps)
    net = network_to_train(recipe)
    if initial and not resume:
        say(load_initial(net, initial))

    with parallel.first_alone():
        cached = build_cache(
            data,
            cache_of(data, cache, recipe.data),
            processes=os.cpu_count() or 1,
            short_side=recipe.data.short_side,
            shards=recipe.data.shards,
        )
    training, validation = pictures_to_train_on(recipe, cached, data, say)
    if not resume:
        measure_prior(net, recipe, cached, training, say)
    sampler = PictureSampler(
        cached,
        training,
        seed=recipe.train.seed,
        power=recipe.data.set_power,
        weights=recipe.data.set_weights,
    )
    plan = BatchPlan(
        cached, sampler, recipe.train.sizes, recipe.augment, recipe.train.seed, parallel.place()
    )
    device = learning_device()
    gpu_pictures = gpu_pictures_of(cached, device) if pictures_on_gpu else None
    if deadline is not None:
        budget_seconds = max(0.0, deadline - time.monotonic())
    return train(
        net,
        lambda step: batches(
            plan, step=step, workers=workers, gpu_pictures=gpu_pictures, device=device
        ),
        recipe.loss,
        settings,
        out,
        about={
            "recipe": recipe.text,
            "name": recipe.name,
            "commit": commit(),
            "command": shlex.join(["photochrom", *sys.argv[1:]]),
            "sets": sorted({cached.entries[i].set_name for i in training}),
        },
        validate=(lambda net: score(net, cached, validation, recipe.augment))
        if validation
        else None,
        budget_seconds=budget_seconds,
        resume=resume,
        say=say,
    )


def pictures_to_train_on(
    recipe: Recipe, cached: Pictures, data: Path, say: Callable[[str], None]
) -> tuple[list[int], list[int]]:
    """Returns the indices of the pictures for training, as a recipe wants them, and for validation.

    Raises `PhotochromError` where there are too few.
    """
    candidates, validation = split(cached.entries, recipe.data.validation)
    if recipe.data.sets:
        sets = set(recipe.data.sets)
        candidates = [i for i in candidates if cached.entries[i].set_name in sets]
    training, colourless = choose_pictures(
        candidates,
        recipe.data.count,
        recipe.data.seed,
        lambda index: has_colour(cached.picture(index), recipe.data.least_colour),
    )
    if len(training) < recipe.data.count:
        # Not an OptionsError, which would end a comparison: the other recipes go on.
        raise PhotochromError(
            f"data.count is {recipe.data.count}, and {data} has {len(training)} to train on",
            file=recipe.name,
            remedy="lower it, or give more photographs",
        )
    if not training:
        raise PhotochromError(
            f"none of its {len(candidates)} pictures has colours",
            file=data,
            remedy="give colour photographs, or lower data.least_colour",
        )
    say(
        f"{len(training)} pictures to train on, {colourless} without colours, "
        f"{len(validation)} to validate, {len(cached.damaged)} damaged"
    )
    return training, validation


def measure_prior(
    net: nn.Module,
    recipe: Recipe,
    cached: Pictures,
    training: list[int],
    say: Callable[[str], None],
) -> None:
    """Measures how often each colour occurs, where a loss is rebalanced and the network does not
    know it yet."""
    rebalanced = any(term.parameters.get("mix", 1.0) < 1 for term in recipe.loss)
    if not rebalanced or prior.is_measured(net):
        return
    measured = training[:: max(1, len(training) // PRIOR_PICTURES)]
    say(f"measuring how often each colour occurs, in {len(measured)} pictures")
    planes = (lab_of(cached.picture(i))[1] for i in measured)
    prior.measure(net, (torch.from_numpy(chroma) for chroma in planes))


def network_to_train(recipe: Recipe) -> nn.Module:
    """Returns the network of a recipe with its initial weights, which depend on the recipe's seed.

    Raises `OptionsError` where the recipe has no loss, or settings that do not fit.
    """
    if not recipe.loss:
        raise OptionsError("has no [[loss]]", file=recipe.name, remedy="add a loss to learn from")
    torch.manual_seed(recipe.train.seed)
    try:
        net = built(recipe.network, recipe.network_settings)
    except TypeError as error:
        raise OptionsError(f"[network] {error}", file=recipe.name) from error
    check_fits(recipe, net)
    if recipe.train.start == "glorot":
        glorot(net)
    return net


def check_fits(recipe: Recipe, net: nn.Module) -> None:
    """Raises `OptionsError` where a loss needs colour bins and the network has none."""
    if getattr(net, "bins", None) is not None:
        return
    for term in recipe.loss:
        if term.name == "soft_cross_entropy" or term.parameters.get("mix", 1.0) < 1:
            raise OptionsError(
                f"loss {term.name} weighs colour bins, and the network {recipe.network} has none",
                file=recipe.name,
                remedy="take a loss of a*, b*, or a network that classifies",
            )


def score(
    net: nn.Module, pictures: Pictures, indices: list[int], settings: Augment
) -> dict[str, float]:
    """Returns the measures over the pictures `indices`, and `score`: less is better.

    The score is the ab RMSE of the answers scaled to the mean chroma of the truth, so that neither
    too little nor too much colour gives a better score. For networks that restore lightness,
    damaged as in `settings`, see `train.restoration`.
    """
    if getattr(net, "restores", False):
        return restoration_score(net, pictures, indices, settings)
    predictor = predict.predictor_of(net)
    rows = []
    for index in indices:
        lightness, truth = lab_of(pictures.picture(index))
        rows.append(judge(predict.chroma_for(predictor, lightness), truth, lightness))
    scores = summary(rows)
    return {**scores, "score": scores["ab_rmse_at_true_chroma"]}


def lab_of(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns L* (H,W) and a*, b* (2,H,W), float32, of a uint8 sRGB picture (H,W,3)."""
    rgb = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / 255
    lab = srgb_to_lab(rgb)[0].numpy()
    return lab[0], lab[1:]


def cache_of(data: Path, cache: Path, table: DataTable) -> Path:
    """Returns the folder below `cache` for the decoded pictures of `data`.

    Its name depends on the names and sizes of the files that are used and on the short side to
    which pictures are reduced.
    """
    files = sources(data, table.shards)
    if files == [data] and data.is_dir():
        files = sorted(path for path in data.rglob("*") if path.is_file())
    lines = [f"{path.resolve()} {path.stat().st_size}" for path in files]
    identity = "\n".join([str(table.short_side), *lines])
    return cache / f"{data.name}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"


def load_initial(net: nn.Module, path: Path) -> str:
    """Loads the tensors of a file that match the network by name and shape; returns a message.

    Raises `PhotochromError` where none matches. See `weights_of` for the kinds of files.
    """
    weights = weights_of(path)
    if hasattr(net, "narrowed"):
        weights = net.narrowed(weights)  # pyright: ignore[reportCallIssue] -- optional method
    state = net.state_dict()
    fitting = {
        name: tensor.to(state[name].dtype)
        for name, tensor in weights.items()
        if name in state and tensor.shape == state[name].shape
    }
    if not fitting:
        raise PhotochromError("no tensor in it has a name and shape of this network", file=path)
    net.load_state_dict(fitting, strict=False)
    return f"{len(fitting)} of {len(state)} tensors from {path}"


def weights_of(path: Path) -> dict[str, torch.Tensor]:
    """Returns the tensors of a file by name: of .safetensors, of a model file that `export` wrote
    (.onnx), or the averaged ones of a checkpoint (.pt).

    Raises `PhotochromError` where they cannot be read.
    """
    from safetensors.torch import load_file

    if path.suffix == ".onnx":
        return weights_in(path)
    if path.suffix == ".pt":
        return load_checkpoint(path)["average"]
    try:
        return load_file(path)
    except Exception as error:  # safetensors raises types that it does not export
        raise PhotochromError(f"no weights could be read ({error})", file=path) from error


def commit() -> str:
    """Returns the commit that is checked out, or `unknown` outside a checkout."""
    try:
        completed = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parent,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return completed.stdout.strip()
