"""How well the network `restore` cleans lightness: on validation pictures through the old look."""

from typing import Any

import numpy as np
import torch

from train.data.augment import Augment
from train.data.cache import Pictures
from train.evaluate import Photograph

#: Of the old look of each picture, the same at every look.
SEED = 1


def restoration_score(
    net: Any, pictures: Pictures, indices: list[int], look: Augment
) -> dict[str, float]:
    """Mean |difference| of L* from the undamaged one: of the old look, and restored (`score`)."""
    device = next(net.parameters()).device
    seen, cleaned = [], []
    for index in indices:
        entry = pictures.entries[index]
        photograph = Photograph.of(entry.name, entry.set_name, pictures.picture(index))
        old = photograph.through_old_film(SEED, look).model_lightness
        assert old is not None
        with torch.inference_mode():
            restored = restored_lightness(net, old, device)
        seen.append(float(np.abs(old - photograph.lightness).mean()))
        cleaned.append(float(np.abs(restored - photograph.lightness).mean()))
    mean = float(np.mean(cleaned))
    return {"score": mean, "error_seen": float(np.mean(seen)), "error_restored": mean}


def restored_lightness(net: Any, lightness: np.ndarray, device: torch.device) -> np.ndarray:
    """L* H,W, cleaned."""
    height, width = lightness.shape
    pad = ((0, -height % net.multiple), (0, -width % net.multiple))
    padded = torch.from_numpy(np.pad(lightness, pad, "edge")[None, None].astype(np.float32))
    return net(padded.to(device)).native[0, 0, :height, :width].cpu().numpy()
