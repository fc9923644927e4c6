"""Random numbers for a batch of N pictures at once, on the device that the pictures are on."""

import torch
from torch import Tensor


class RandomNumbers:
    """Draws one number a picture, N,1,1,1 unless a shape is given, from one seeded generator."""

    def __init__(self, seed: int, count: int, device: torch.device | str = "cpu") -> None:
        self.count, self.device = count, torch.device(device)
        self._generator = torch.Generator(self.device).manual_seed(seed)

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Even between `low` and `high`."""
        return low + (high - low) * self._even(shape)

    def happens(self, probability: float, *shape: int) -> Tensor:
        """True with this probability."""
        return self._even(shape) < probability

    def normal(self, *shape: int) -> Tensor:
        """Of mean 0 and deviation 1."""
        return torch.randn(self._shape(shape), generator=self._generator, device=self.device)

    def _even(self, shape: tuple[int, ...]) -> Tensor:
        return torch.rand(self._shape(shape), generator=self._generator, device=self.device)

    def _shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (self.count, *(shape or (1, 1, 1)))
