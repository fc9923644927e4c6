"""What Zhang's network costs beside a plain Sequential of its layers: at most 1.2 of the CPU time.

Run it with `python -m tests.learn.bench_zhang`: half a minute of one core.
"""

import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from core.learn.nets.zhang import Zhang

TURNS = 5


def best(calls: dict[str, Callable[[], object]]) -> dict[str, float]:
    """CPU seconds of the quickest of a few calls of each, taken in turns."""
    seconds = dict.fromkeys(calls, float("inf"))
    for _ in range(TURNS):
        for name, call in calls.items():
            began = time.process_time()
            call()
            seconds[name] = min(seconds[name], time.process_time() - began)
    return seconds


def answers(net: Zhang, plain: nn.Module, lightness: Tensor) -> dict[str, float]:
    """Of one answer each; the network's is chroma, so that its annealed mean is in it."""
    with torch.inference_mode():
        return best({"zhang": lambda: net(lightness), "plain": lambda: plain(lightness)})


def lessons(net: Zhang, plain: nn.Module, lightness: Tensor) -> dict[str, float]:
    """Of forward and backward each."""
    return best(
        {
            "zhang": lambda: net(lightness).logits.square().mean().backward(),
            "plain": lambda: plain(lightness).square().mean().backward(),
        }
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    zhang = Zhang().eval()
    layers = nn.Sequential(*(zhang.get_submodule(f"model{n}") for n in range(1, 9))).eval()
    for what, seconds in (
        ("an answer, 256 px", answers(zhang, layers, torch.rand(1, 1, 256, 256) * 100)),
        ("a lesson, 4 of 64 px", lessons(zhang, layers, torch.rand(4, 1, 64, 64) * 100)),
    ):
        ratio = seconds["zhang"] / seconds["plain"]
        print(f"{what}: {seconds['zhang']:.3f} s, {ratio:.3f} of the plain layers")
