"""Measures the speed of a run: pictures a second, time by part of a step, share of the peak.

`Throughput` is the trainer's watch, `peak_of` says what the device could do at best: after NVIDIA's
data sheets, or measured. The share of the peak is the "model FLOPs utilization" of Chowdhery et al.
2022 (PaLM), appendix B.
"""

import contextlib
import copy
import functools
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

#: Dense FLOP/s of GPUs, bfloat16 and TF32, by a part of torch's name for them: the first that fits.
GPU_PEAKS = {
    "H100 PCIe": (756e12, 378e12),
    "H100": (989e12, 495e12),
    "H200": (989e12, 495e12),
    "B200": (2250e12, 1125e12),
    "A100": (312e12, 156e12),
    "A40": (150e12, 75e12),
    "A10": (125e12, 62.5e12),
    "L40S": (362e12, 183e12),
    "L4": (121e12, 60e12),
    "RTX 4090": (165e12, 82.6e12),
    "RTX 3090": (71e12, 35.6e12),
}
#: Rows and columns of the matrices that are multiplied where no data sheet is at hand: some 4 ms a
#: product in float32, so that on a busy machine a few of the many tries are not interrupted.
PROBE_SIDE, PROBE_TRIES = 512, 50
#: No new try after so many seconds: a product in bfloat16 takes 0.2 s where the CPU has none.
PROBE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class DevicePeak:
    """FLOP/s that a device reaches at best, and where that is known from."""

    flops: float
    source: str

    def __str__(self) -> str:
        return f"{self.flops / 1e9:.0f} GFLOP/s ({self.source})"


def peak_of(device: torch.device, precision: str) -> DevicePeak:
    """The peak for "float32" (TF32 on a GPU) or "bfloat16": of the data sheet, else measured."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        for part, peaks in GPU_PEAKS.items():
            if part in name:
                return DevicePeak(
                    peaks[precision == "float32"], f"data sheet of the {part}, {precision}"
                )
    return DevicePeak(_measured(device, precision), f"a matrix product measured here, {precision}")


@functools.cache
def _measured(device: torch.device, precision: str) -> float:
    """FLOP/s of the best of many products of square matrices; found once in a process."""
    matrix = torch.ones(PROBE_SIDE, PROBE_SIDE, device=device, dtype=getattr(torch, precision))
    best = float("inf")
    end = time.perf_counter() + PROBE_SECONDS
    for _ in range(PROBE_TRIES):
        began = time.perf_counter()
        product = matrix @ matrix
        product[0, 0].item()  # waits for a GPU
        ended = time.perf_counter()
        best = min(best, ended - began)
        if ended > end:
            break
    return 2 * PROBE_SIDE**3 / best


def flops_of(net: nn.Module, shape: torch.Size, device: torch.device) -> int:
    """Floating-point operations, two for each multiplication with its addition, of a network's
    answer to an empty batch of this shape (N,1,H,W); a copy is asked."""
    asked = copy.deepcopy(net).eval().requires_grad_(False)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        asked(torch.zeros(shape, device=device))
    return counter.get_total_flops()


class Throughput:
    """Where the time goes between two lines of the log; `row` says it and begins anew.

    Validating and saving belong to no step: `pausing` takes them out. On a GPU `learning` ends
    before the work does, so that only the waiting for data can be told there.
    """

    def __init__(self, net: nn.Module, device: torch.device, precision: str) -> None:
        self.peak = peak_of(device, precision)
        self._net, self._device = net, device
        self._synchronous = device.type == "cpu"
        self._counted: dict[torch.Size, int] = {}
        self._begin()

    def _begin(self) -> None:
        self._began = time.perf_counter()
        self._pictures, self._flops = 0, 0
        self._waited = self._learnt = 0.0

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Around the asking for a batch."""
        began = time.perf_counter()
        yield
        self._waited += time.perf_counter() - began

    @contextlib.contextmanager
    def learning(self, shape: torch.Size | None = None) -> Iterator[None]:
        """Around forward and backward of a batch of this shape (N,1,H,W), and the step."""
        began = time.perf_counter()
        yield
        self._learnt += time.perf_counter() - began
        if shape is not None:
            self._pictures += shape[0]
            self._flops += self._flops_of(shape)

    def _flops_of(self, shape: torch.Size) -> int:
        """Of a step with a batch of this shape: backward takes twice as many as forward.

        Counted on a copy with one empty picture: a counter that watches the step itself makes torch
        take other ways, with other rounding, and a resumed run would not end with the same bits.
        """
        if shape not in self._counted:
            began = time.perf_counter()
            forward = flops_of(self._net, torch.Size((1, *shape[1:])), self._device)
            self._counted[shape] = 3 * shape[0] * forward
            self._began += time.perf_counter() - began
        return self._counted[shape]

    @contextlib.contextmanager
    def pausing(self) -> Iterator[None]:
        """Around what is no part of a step."""
        began = time.perf_counter()
        yield
        self._began += time.perf_counter() - began

    def row(self) -> dict[str, float]:
        """Since the last row: `pictures_per_second`, and shares of the time and of the peak, 0..1.

        `waiting` for data; on a CPU also `overhead`: all but forward, backward and optimizer.
        """
        passed = time.perf_counter() - self._began
        row = {
            "pictures_per_second": self._pictures / passed,
            "waiting": self._waited / passed,
            "of_peak": self._flops / passed / self.peak.flops,
        }
        if self._synchronous:
            row["overhead"] = 1 - self._learnt / passed
        self._begin()
        return row
