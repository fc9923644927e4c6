"""Measures of one picture against the truth, on its true lightness.

Pictures are a*, b* planes 2,H,W (numpy, float32 or float64) and sRGB H,W,3 in 0..1. `judge` gives
one row for a picture, `summary` the means and the ratios of means over many, as the tables have it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np


def ab_rmse(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Root of the mean squared difference over both channels and all pixels, CIELAB units."""
    return float(np.sqrt(np.mean((predicted - truth) ** 2)))


def ab_absolute_error(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Mean |difference| over both channels and all pixels, CIELAB units."""
    return float(np.mean(np.abs(predicted - truth)))


def share_within(predicted: np.ndarray, truth: np.ndarray, units: float = 10.0) -> float:
    """Share of the pixels, 0..1, whose distance in the a* b* plane is at most so many `units`.

    What "accuracy" can mean of a colour; a gray answer has the share of the nearly gray pixels.
    """
    return float(np.mean(np.hypot(*(predicted - truth)) <= units))


def psnr(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of 8-bit sRGB (both rounded to codes), peak 255."""
    codes = [np.round(np.clip(rgb, 0, 1) * 255) for rgb in (predicted, truth)]
    error = np.mean((codes[0] - codes[1]) ** 2)
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


def auc(predicted: np.ndarray, truth: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Area under the cumulative histogram of the ab distance, thresholds 0..150, in %.

    Zhang, Isola, Efros 2016, section 3.1; `weights` H,W (one a pixel) for the rebalanced kind.
    """
    distance = np.hypot(*(predicted - truth)).ravel()
    flat = None if weights is None else weights.ravel()
    shares = np.histogram(np.ceil(distance), bins=np.arange(-0.5, 152), weights=flat)[0]
    total = distance.size if flat is None else flat.sum()
    return float(100 * np.mean(np.cumsum(shares)[:151] / total))


def colourfulness(rgb: np.ndarray) -> float:
    """Hasler & Suesstrunk 2003, M(3), of sRGB 0..1 on its scale of 0..255, signed differences."""
    red, green, blue = np.moveaxis(np.clip(rgb, 0, 1) * 255, -1, 0)
    rg, yb = red - green, (red + green) / 2 - blue
    return float(np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean()))


def colourfulness_absolute(rgb: np.ndarray) -> float:
    """As several published evaluations compute it: |red - green| and |yellow - blue| before their
    means and deviations. Larger means, smaller deviations; comparable with such tables only."""
    red, green, blue = np.moveaxis(np.clip(rgb, 0, 1) * 255, -1, 0)
    rg, yb = np.abs(red - green), np.abs((red + green) / 2 - blue)
    return float(np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean()))


def mean_chroma(ab: np.ndarray) -> float:
    """Mean of sqrt(a*^2 + b*^2) over the pixels."""
    return float(np.hypot(ab[0], ab[1]).mean())


def one_hue_share(ab: np.ndarray) -> float:
    """|sum of C exp(i h)| over sum of C, 0..1: 1 where all have one hue, as under a sepia veil.

    Not a number where there is no colour.
    """
    chroma = mean_chroma(ab)
    return float(np.hypot(ab[0].mean(), ab[1].mean()) / chroma) if chroma > 0.1 else float("nan")


#: Colours of skin, of all peoples and in most light: chroma, and hue in degrees.
SKIN_CHROMA, SKIN_HUE = (10.0, 40.0), (30.0, 75.0)
#: Fewer of a picture's pixels than this share are an accident.
SKIN_SHARE = 0.02


def is_skin_coloured(chroma: Any, hue: Any) -> Any:
    """Where colours are those of skin: `chroma` and `hue` (degrees), arrays or tensors alike."""
    (palest, richest), (reddest, yellowest) = SKIN_CHROMA, SKIN_HUE
    return (chroma >= palest) & (chroma <= richest) & (hue >= reddest) & (hue <= yellowest)


def skin_error(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Mean distance in the a* b* plane where the truth is skin-coloured, CIELAB units.

    Wood and brick share these colours, so that it is a ruler for many pictures with people in them,
    not for one. Not a number where less than 2% of the pixels are skin-coloured.
    """
    skin = is_skin_coloured(np.hypot(*truth), np.degrees(np.arctan2(truth[1], truth[0])))
    if skin.mean() < SKIN_SHARE:
        return float("nan")
    return float(np.hypot(*(predicted - truth)[:, skin]).mean())


def judge(predicted: np.ndarray, truth: np.ndarray, lightness: np.ndarray) -> dict[str, float]:
    """One picture's row. `predicted`, `truth` 2,H,W; `lightness` H,W, the true L*."""
    import torch

    from core.learn.lab_torch import lab_to_srgb

    labs = torch.from_numpy(
        np.stack([np.concatenate((lightness[None], ab)) for ab in (predicted, truth)])
    )
    predicted_rgb, truth_rgb = lab_to_srgb(labs).movedim(1, -1).numpy()
    return {
        "ab_rmse": ab_rmse(predicted, truth),
        "ab_absolute_error": ab_absolute_error(predicted, truth),
        "share_within_10": share_within(predicted, truth),
        "psnr": psnr(predicted_rgb, truth_rgb),
        "auc": auc(predicted, truth),
        "colourfulness": colourfulness(predicted_rgb),
        "colourfulness_truth": colourfulness(truth_rgb),
        "chroma": mean_chroma(predicted),
        "chroma_truth": mean_chroma(truth),
        "a": float(predicted[0].std()),
        "a_truth": float(truth[0].std()),
        "b": float(predicted[1].std()),
        "b_truth": float(truth[1].std()),
        "energy": float(np.mean(predicted**2)),
        "energy_truth": float(np.mean(truth**2)),
        "agreement": float(np.mean(predicted * truth)),
        "one_hue_share": one_hue_share(predicted),
        "one_hue_share_truth": one_hue_share(truth),
        "skin_error": skin_error(predicted, truth),
    }


def summary(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    """Means over pictures; colourfulness, chroma, a and b as ratios of the means ours/truth.

    Pictures without a value (no colour, no skin) are left out of that mean.
    """
    mean = {name: mean_of_values([row[name] for row in rows]) for name in rows[0]}
    ratios = {}
    for name in ("colourfulness", "chroma", "a", "b"):
        truth = mean[f"{name}_truth"]
        ratios[f"{name}_ratio"] = mean[name] / truth if truth else float("nan")
    distances = ("ab_rmse", "ab_absolute_error", "share_within_10", "psnr", "auc", "skin_error")
    errors = {name: mean[name] for name in distances}
    hues = {name: mean[name] for name in ("one_hue_share", "one_hue_share_truth")}
    # RMSE rewards gray; scaled to the truth's mean chroma it compares models at equal vividness
    scale = mean["chroma_truth"] / max(mean["chroma"], 1e-6)
    squared = [
        scale**2 * row["energy"] - 2 * scale * row["agreement"] + row["energy_truth"]
        for row in rows
    ]
    vivid = float(np.mean(np.sqrt(np.maximum(squared, 0))))
    return {"pictures": len(rows), **errors, "ab_rmse_at_true_chroma": vivid, **ratios, **hues}


def mean_of_values(values: Sequence[float]) -> float:
    """The mean without those that are not a number; not a number where there are no others."""
    found = [value for value in values if not np.isnan(value)]
    return float(np.mean(found)) if found else float("nan")
