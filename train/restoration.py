"""Measures how well the network `restore` restores the lightness of damaged validation pictures."""

from typing import Any

import numpy as np
import torch

from train.data.augment import Augment
from train.data.cache import Pictures
from train.evaluate import Photograph

#: Seed of the damage of each picture, the same at every validation.
SEED = 1


def restoration_score(
    net: Any, pictures: Pictures, indices: list[int], settings: Augment
) -> dict[str, float]:
    """Returns mean |differences| of L* from the undamaged L*, over the pictures `indices`.

    `error_seen` is that of the damaged L*, drawn as in `settings`; `error_restored`, and `score`,
    that of the restored L*.
    """
    device = next(net.parameters()).device
    damaged_errors, restored_errors = [], []
    for index in indices:
        entry = pictures.entries[index]
        photograph = Photograph.of(entry.name, entry.set_name, pictures.picture(index))
        old = photograph.through_old_film(SEED, settings).model_lightness
        assert old is not None
        with torch.inference_mode():
            restored = restored_lightness(net, old, device)
        damaged_errors.append(float(np.abs(old - photograph.lightness).mean()))
        restored_errors.append(float(np.abs(restored - photograph.lightness).mean()))
    mean = float(np.mean(restored_errors))
    return {"score": mean, "error_seen": float(np.mean(damaged_errors)), "error_restored": mean}


def restored_lightness(net: Any, lightness: np.ndarray, device: torch.device) -> np.ndarray:
    """Returns the restored L* (H,W) of a damaged one."""
    height, width = lightness.shape
    pad = ((0, -height % net.multiple), (0, -width % net.multiple))
    padded = torch.from_numpy(np.pad(lightness, pad, "edge")[None, None].astype(np.float32))
    return net(padded.to(device)).native[0, 0, :height, :width].cpu().numpy()
