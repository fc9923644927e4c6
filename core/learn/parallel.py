"""Distributed training under `torchrun`: rank and number of processes, mean gradient, maxima.

Each process draws its share of every batch and has the same weights throughout; without torchrun
all of this is one process and costs nothing. NCCL where there are GPUs, gloo elsewhere.

torch's DistributedDataParallel is not used: it averages what its own `forward` reached, and a
critic learns in the loss, beside `forward`.
"""

import contextlib
import os
from collections.abc import Iterator

import torch
import torch.distributed as dist
from torch import nn


@contextlib.contextmanager
def group() -> Iterator[tuple[int, int]]:
    """(this process' number, how many there are), joined to the others while the block runs."""
    if "WORLD_SIZE" not in os.environ or dist.is_initialized():
        yield place()
        return
    on_gpus = torch.cuda.is_available()
    if on_gpus:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    dist.init_process_group("nccl" if on_gpus else "gloo")
    try:
        yield place()
    finally:
        dist.destroy_process_group()


def place() -> tuple[int, int]:
    """(this process' number, how many there are)."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def average_gradients(net: nn.Module) -> None:
    """Every process gets the mean of all processes' gradients, in one message."""
    if not dist.is_initialized():
        return
    given = [p for p in net.parameters() if p.requires_grad]
    for parameter in given:  # a process without hints in its share still takes part
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    flat = torch.cat([p.grad.flatten() for p in given if p.grad is not None])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    start = 0
    for parameter in given:
        assert parameter.grad is not None
        parameter.grad.copy_(flat[start : start + parameter.numel()].view_as(parameter))
        start += parameter.numel()


def largest(value: float, device: torch.device) -> float:
    """The largest of all processes' values, in every process: so they end in the same step."""
    if not dist.is_initialized():
        return value
    shared = torch.tensor(value, dtype=torch.float64, device=device)
    dist.all_reduce(shared, dist.ReduceOp.MAX)
    return shared.item()


@contextlib.contextmanager
def first_alone() -> Iterator[None]:
    """The first process runs the block, then all others: what it made they find."""
    number, count = place()
    if number > 0:
        dist.barrier()
    yield
    if number == 0 and count > 1:
        dist.barrier()
