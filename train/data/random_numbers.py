"""Draws random numbers for a batch of N pictures at once, on the device of the pictures."""

import torch
from torch import Tensor


class RandomNumbers:
    """A seeded generator that draws for each picture: N,1,1,1, or N,*shape where it is given."""

    def __init__(self, seed: int, count: int, device: torch.device | str = "cpu") -> None:
        self.count, self.device = count, torch.device(device)
        self._generator = torch.Generator(self.device).manual_seed(seed)

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Returns numbers from the uniform distribution between `low` and `high`."""
        return low + (high - low) * self._even(shape)

    def happens(self, probability: float, *shape: int) -> Tensor:
        """Returns booleans that are True with this probability."""
        return self._even(shape) < probability

    def normal(self, *shape: int) -> Tensor:
        """Returns numbers from the normal distribution of mean 0 and deviation 1."""
        return torch.randn(self._shape(shape), generator=self._generator, device=self.device)

    def _even(self, shape: tuple[int, ...]) -> Tensor:
        return torch.rand(self._shape(shape), generator=self._generator, device=self.device)

    def _shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (self.count, *(shape or (1, 1, 1)))
