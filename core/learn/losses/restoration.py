"""The loss of the network that restores lightness."""

from typing import Any

from torch import Tensor

from core.errors import OptionsError
from core.learn.batch import NetworkOutput, TrainingBatch


def restored(
    prediction: NetworkOutput, batch: TrainingBatch, net: Any, *, edges: float = 1.0
) -> Tensor:
    """Mean |difference| of L* / 100 from the undamaged one, + `edges` times that of its gradients.

    Of a network that `restores`, whose `native` is lightness.
    """
    if prediction.native is None or not getattr(net, "restores", False):
        raise OptionsError(
            f"loss restored: {type(net).__name__} restores nothing", remedy="use restore"
        )
    truth = batch.lightness if batch.clean is None else batch.clean
    difference = (prediction.native.float() - truth) / 100
    loss = difference.abs().mean()
    for axis in (-2, -1):
        loss = loss + edges * difference.diff(dim=axis).abs().mean() / 2
    return loss
