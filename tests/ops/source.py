"""Draws the examples that ops are checked on: shapes, axes and values from one stream of integers.

The stream is hypothesis's in the registry test, so that a failing example shrinks, and a seeded generator's where
a fixed set of examples is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass
class Example:
    """One call of an op: the differentiable arrays, the op as a function of them, and its independent reference."""

    args: list
    call: Callable
    reference: Callable


class Source:
    """Random choices made by `integer(low, high)`, both ends included."""

    def __init__(self, integer: Callable[[int, int], int]):
        self.integer = integer

    @classmethod
    def seeded(cls, seed: int) -> Source:
        """A source that draws from NumPy's generator of this seed."""
        random = np.random.default_rng(seed)
        return cls(lambda low, high: int(random.integers(low, high, endpoint=True)))

    def choice(self, options: Sequence):
        """One of the options."""
        return options[self.integer(0, len(options) - 1)]

    def boolean(self) -> bool:
        """True or False."""
        return bool(self.integer(0, 1))

    def random(self) -> np.random.Generator:
        """A generator of values: they need no shrinking."""
        return np.random.default_rng(self.integer(0, 2**20))

    def shape(self, least: int = 0, most: int = 3, smallest: int = 0) -> tuple[int, ...]:
        """`least` to `most` axes of `smallest` to 4 elements, empty axes being rarer than others."""
        return tuple(self.extent(smallest) for _ in range(self.integer(least, most)))

    def extent(self, smallest: int = 0) -> int:
        """The number of elements of one axis."""
        n = self.integer(-1, 9)
        return max(smallest, {-1: 0, 0: 1, 1: 1}.get(n, 2 + n % 3))

    def broadcastable(self, count: int = 2) -> list[tuple[int, ...]]:
        """Shapes that broadcast with each other: leading axes left out, others of extent 1."""
        full = self.shape()
        shapes = []
        for _ in range(count):
            start = self.integer(0, len(full)) if self.boolean() else 0
            shapes.append(tuple(1 if self.integer(0, 3) == 0 else n for n in full[start:]))
        return shapes

    def axis(self, ndim: int) -> int:
        """An axis, counted from either end."""
        return self.integer(-ndim, ndim - 1)

    def axes(self, ndim: int):
        """None, one axis or a tuple of different ones."""
        if ndim == 0 or self.integer(0, 2) == 0:
            return None
        if self.boolean():
            return self.axis(ndim)
        order = self.random().permutation(ndim)[: self.integer(1, ndim)]
        return tuple(int(a) - ndim * self.integer(0, 1) for a in order)

    def values(self, shape, low: float = -2.0, high: float = 2.0) -> np.ndarray:
        """Uniform float64 values."""
        return np.asarray(self.random().uniform(low, high, shape))

    def apart(self, shape, gap: float = 0.2, high: float = 2.0) -> np.ndarray:
        """Values of either sign that stay `gap` away from 0."""
        random = self.random()
        return np.asarray(random.uniform(gap, high, shape) * random.choice([-1.0, 1.0], shape))

    def distinct(self, shape, spacing: float = 0.3) -> np.ndarray:
        """Values no two of which are closer than half of `spacing`, none of them near 0."""
        random = self.random()
        size = int(np.prod(shape))
        ranks = random.permutation(size) - size // 2
        return (spacing * (ranks + 0.5) + random.uniform(-0.1, 0.1, size) * spacing).reshape(shape)

    def matrices(self, batch, n: int) -> np.ndarray:
        """Well-conditioned square matrices."""
        return self.random().uniform(-0.5, 0.5, (*batch, n, n)) + (1.5 + 0.5 * n**0.5) * np.eye(n)
