"""The trainer's watch: what it says of a step's time, and of the device, by hand-made clocks."""

import time

import pytest
import torch
from torch import Tensor, nn

from core.learn import throughput
from core.learn.throughput import DevicePeak, Throughput, peak_of

CPU = torch.device("cpu")
SHAPE = torch.Size((4, 1, 8, 8))


class Clock:
    """Stands still until it is moved."""

    now = 100.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    moved = Clock()
    monkeypatch.setattr(throughput, "peak_of", lambda *_: DevicePeak(1e6, "a test's"))
    monkeypatch.setattr(time, "perf_counter", moved)
    return moved


def step(watch: Throughput, clock: Clock) -> None:
    """0.1 s for the data, 0.6 s for the network and the optimizer, 0.3 s for all the rest."""
    with watch.waiting():
        clock.wait(0.1)
    with watch.learning(SHAPE):
        clock.wait(0.5)
    with watch.learning():
        clock.wait(0.1)
    clock.wait(0.3)


def test_the_shares_are_those_of_the_steps_since_the_last_row(clock: Clock):
    watch = Throughput(nn.Conv2d(1, 5, 3, padding=1), CPU, "float32")
    for _ in range(3):
        step(watch, clock)
    row = watch.row()
    assert row["pictures_per_second"] == pytest.approx(4)
    assert row["waiting"] == pytest.approx(0.1)
    assert row["overhead"] == pytest.approx(0.4)
    step(watch, clock)
    assert watch.row()["pictures_per_second"] == pytest.approx(4)


def test_validating_and_saving_belong_to_no_step(clock: Clock):
    watch = Throughput(nn.Conv2d(1, 5, 3, padding=1), CPU, "float32")
    step(watch, clock)
    with watch.pausing():
        clock.wait(60)
    assert watch.row()["pictures_per_second"] == pytest.approx(4)


def test_the_share_of_the_peak_is_that_of_the_arithmetic_done(clock: Clock):
    """A 3x3 convolution of 1 to 5 channels: 2 x 9 x 5 a pixel forward, twice that backward."""
    watch = Throughput(nn.Conv2d(1, 5, 3, padding=1), CPU, "float32")
    for _ in range(2):
        step(watch, clock)
    done = 2 * 4 * 8 * 8 * (2 * 9 * 5) * 3
    assert watch.row()["of_peak"] == pytest.approx(done / 2 / 1e6)


@pytest.mark.parametrize(
    ("name", "precision", "teraflops"),
    [
        ("NVIDIA H100 80GB HBM3", "bfloat16", 989),
        ("NVIDIA H100 80GB HBM3", "float32", 495),
        ("NVIDIA H100 PCIe", "bfloat16", 756),
        ("NVIDIA A100-SXM4-40GB", "float32", 156),
        ("NVIDIA L4", "bfloat16", 121),
        ("NVIDIA L40S", "bfloat16", 362),
        ("NVIDIA A40", "bfloat16", 150),
    ],
)
def test_a_known_gpus_peak_is_its_data_sheets(monkeypatch, name, precision, teraflops):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: name)
    peak = peak_of(torch.device("cuda"), precision)
    assert peak.flops == teraflops * 1e12 and "data sheet" in peak.source


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_cpus_peak_is_measured_and_named_so(precision: str):
    peak = peak_of(CPU, precision)
    assert 1e8 < peak.flops < 1e14
    assert str(peak).endswith(f"GFLOP/s (a matrix product measured here, {precision})")
    assert peak_of(CPU, precision) == peak  # found once


def test_where_a_product_is_slow_the_peak_is_that_of_a_few(monkeypatch: pytest.MonkeyPatch):
    clock = Clock()
    monkeypatch.setattr(time, "perf_counter", clock)
    monkeypatch.setattr(Tensor, "__matmul__", lambda a, b: clock.wait(0.4) or a)
    throughput._measured.cache_clear()
    assert peak_of(CPU, "float32").flops == pytest.approx(2 * 512**3 / 0.4)
    throughput._measured.cache_clear()
    assert clock.now == pytest.approx(100 + 3 * 0.4)
