"""Do our networks answer as the published ones? `python -m tests.guests.parity CASE.npz ...`

A case is the recorded answer of a published network whose tensors were filled by a rule (`fill`).
Each case builds our network, fills it by the same rule, runs it and prints one line,
`NAME case max-abs-difference tolerance ok|FAIL`; the command exits 1 on any failure. Without
arguments it takes all records beside it.
"""

import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.learn.guests import build
from core.learn.guests.weights import put
from tests.guests import fill

RECORDS = Path(__file__).parent / "records"
#: Largest |difference| by family, ten times what two back ends of one network differ by.
TOLERANCES = {
    "eccv16": 3e-4,
    "siggraph17": 1e-3,
    "ddcolor": 2e-4,
    "deoldify": 2e-4,
    "icolorit": 1e-4,
}
MEAN = np.array([0.485, 0.456, 0.406], np.float32)[:, None, None]
SPREAD = np.array([0.229, 0.224, 0.225], np.float32)[:, None, None]


@dataclass(frozen=True)
class Result:
    """What one case gave; `difference` is nan where the network answered with no numbers."""

    network: str
    case: str
    difference: float
    tolerance: float

    @property
    def ok(self) -> bool:
        return self.difference <= self.tolerance

    def __str__(self) -> str:
        verdict = "ok" if self.ok else "FAIL"
        return f"{self.network} {self.case} {self.difference:.3g} {self.tolerance:g} {verdict}"


def family_of(network: str) -> str:
    return next(family for family in TOLERANCES if network.startswith(family))


def network_of(record: Any) -> torch.nn.Module:
    """Our network with the case's tensors; raises ValueError where the rule gave other ones."""
    name, shapes = str(record["network"]), json.loads(str(record["shapes"]))
    state = fill.fill_state(name, shapes)
    if fill.digest(state) != str(record["fill_digest"]):
        raise ValueError("the tensors are not those of the record: the rule fills otherwise here")
    net = build(name)
    put(net, {key: torch.from_numpy(array) for key, array in state.items()}, name)
    return net


def inputs_of(record: Any) -> tuple[Tensor, ...]:
    """The case's input as the authors' network takes it."""
    height, width = int(record["height"]), int(record["width"])
    lightness = fill.l_field(str(record["input_name"]), height, width)
    if hashlib.sha256(lightness.tobytes()).hexdigest() != str(record["l_sha256"]):
        raise ValueError("the lightness is not the record's: the rule fills otherwise here")
    hints = json.loads(str(record["hints"])) or []
    match family_of(str(record["network"])):
        case "eccv16":
            planes = (lightness[None],)
        case "siggraph17":
            planes = (lightness[None], *fill.hint_maps(height, width, hints))
        case "ddcolor":
            planes = (np.repeat(fill.gray_of_l(lightness)[None], 3, 0),)
        case "deoldify":
            planes = ((fill.gray_of_l(lightness)[None] - MEAN) / SPREAD,)
        case _:  # icolorit: hints are cells of 2 x 2 pixels
            squares = [(2 * row, 2 * column, 2, a, b) for row, column, a, b in hints]
            ab, mask = fill.hint_maps(height, width, squares)
            planes = (np.concatenate(((lightness[None] - 50) / 100, ab / np.float32(110), mask)),)
    return tuple(torch.from_numpy(plane.astype(np.float32))[None] for plane in planes)


def difference(record: Any, answer: np.ndarray) -> float:
    """Largest |difference| of `answer` (C,H,W) from the record: its grid, its crop, its means."""
    if list(answer.shape) != record["out_shape"].tolist():
        raise ValueError(f"the answer is {answer.shape}, not {record['out_shape']}")
    stride = int(record["out_stride"])
    top, left = record["out_offset"] if stride > 1 else (0, 0)
    found = [np.abs(answer[:, top::stride, left::stride] - record["out"]).max()]
    if "crop" in record:
        y, x = record["crop_at"]
        height, width = record["crop"].shape[1:]
        found.append(np.abs(answer[:, y : y + height, x : x + width] - record["crop"]).max())
    found.append(np.abs(answer.mean((1, 2), dtype=np.float64) - record["out_mean"]).max())
    found += [np.abs(answer.min((1, 2)) - record["out_min"]).max()]
    found += [np.abs(answer.max((1, 2)) - record["out_max"]).max()]
    return float(np.max(found))


def run(path: Path) -> Result:
    """Runs one case; raises ValueError where the record and the rule do not fit together."""
    with np.load(path) as file:
        record = dict(file)
    name = str(record["network"])
    net: Any = network_of(record)
    with torch.inference_mode():
        answer = net.published(*inputs_of(record))[0].numpy()
    worst = difference(record, answer)
    return Result(name, str(record["case"]), worst, TOLERANCES[family_of(name)])


def main(paths: list[str]) -> int:
    failed = False
    for path in [Path(p) for p in paths] or sorted(RECORDS.glob("*.npz")):
        try:
            result = run(path)
        except Exception as error:  # one case that cannot be run must not hide the others
            print(f"{path.name}: {error} FAIL", flush=True)
            failed = True
        else:
            print(result, flush=True)
            failed |= not result.ok
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
