"""Random numbers drawn in blocks, because one call per number would cost most of the run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


class Draws:
    """One seeded stream of uniform and normal numbers."""

    def __init__(self, seed: int, stream: int) -> None:
        self._generator = np.random.Generator(np.random.PCG64([seed, stream]))
        self._uniforms: Iterator[float] = iter(())
        self._normals: Iterator[float] = iter(())

    def uniform(self) -> float:
        """A number in [0, 1)."""
        for value in self._uniforms:
            return value
        self._uniforms = iter(self._generator.random(4096).tolist())
        return next(self._uniforms)

    def normal(self) -> float:
        """A standard normal number."""
        for value in self._normals:
            return value
        self._normals = iter(self._generator.standard_normal(4096).tolist())
        return next(self._normals)

    def lognormal(self, median: float, sigma: float) -> float:
        """A lognormal number of this median."""
        return median * math.exp(sigma * self.normal())

    def whole(self, below: int) -> int:
        """An integer in [0, below)."""
        return int(self.uniform() * below)

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.uniform() < probability

    def pick(self, items: Sequence[T]) -> T:
        """One of the items, all alike."""
        return items[self.whole(len(items))]

    def weighted(self, items: Sequence[T], shares: Sequence[float]) -> T:
        """One of the items by their shares."""
        point = self.uniform() * sum(shares)
        for item, share in zip(items, shares, strict=True):
            point -= share
            if point < 0:
                return item
        return items[-1]

    def poisson(self, mean: float) -> int:
        """A Poisson count."""
        return int(self._generator.poisson(mean))
