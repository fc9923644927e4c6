"""Keras' first weights."""

import math

import torch

from core.learn.nets import build
from core.learn.starts import glorot


def test_weights_are_even_within_glorots_limit_and_biases_zero():
    torch.manual_seed(3)
    net = build("cnn_3p9m")
    glorot(net)
    weight, limit = net.get_parameter("layers.12.weight"), math.sqrt(6 / (9 * (256 + 512)))
    assert weight.shape == (512, 256, 3, 3)
    assert limit * 0.999 < weight.abs().max() <= limit
    assert abs(weight.std().item() / (limit / math.sqrt(3)) - 1) < 0.01
    biases = [tensor for name, tensor in net.named_parameters() if name.endswith("bias")]
    assert len(biases) == 12 and not any(tensor.any() for tensor in biases)


def test_published_weights_stay():
    net = build("resnet18", encoder="efficientnet_lite0", pretrained="imagenet")
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    glorot(net)
    changed = {n for n, tensor in net.state_dict().items() if not torch.equal(tensor, before[n])}
    assert changed and all(name.startswith("decoder.") for name in changed)
