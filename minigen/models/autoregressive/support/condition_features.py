"""From a condition to features at each pixel: the networks that image models put before their own."""

import numpy as np

from .... import ops
from ....arrays import Constant
from ....autograd import xp_of
from ....layers import Conv2d, Embedding, Linear, Module
from ...takes import condition_name


class ClassFeatures(Embedding):
    """A row of learned features for each class: integers `(n, 1)` to `(n, 1, 1, channels)`, the same at each pixel."""

    def __init__(self, spec, channels, rng):
        super().__init__(2 if spec.kind == "binary" else spec.levels, channels, rng)

    def __call__(self, condition):
        return ops.reshape(super().__call__(condition.reshape(len(condition))), (len(condition), 1, 1, -1))


class VectorFeatures(Linear):
    """An affine map of a vector: `(n, dimensions)` to `(n, 1, 1, channels)`, the same at each pixel."""

    def __init__(self, spec, channels, rng):
        super().__init__(spec.dimensions, channels, rng)
        self.spec = spec

    def __call__(self, condition):
        rows = numbers(condition, self.spec, self.weight.dtype).reshape(len(condition), -1)
        return ops.reshape(super().__call__(rows), (len(condition), 1, 1, -1))


class ImageFeatures(Module):
    """Two 3×3 convolutions of an image, with a ReLU between them: features `(n, height, width, channels)`.

    An image of other extents than the model's is first read at as many rows and columns, evenly spaced.
    """

    def __init__(self, spec, extents, channels, rng):
        self.spec = spec
        self.rows, self.columns = (
            None if there == here else Constant(np.arange(here) * there // here)
            for here, there in zip(extents, spec.shape[:2], strict=True))
        self.first = Conv2d(spec.shape[2], channels, 3, rng)
        self.second = Conv2d(channels, channels, 3, rng)

    def __call__(self, condition):
        x = numbers(condition, self.spec, self.first.weight.dtype)  # (n, rows, columns, colours)
        xp = xp_of(x)
        if self.rows is not None:
            x = ops.take(x, self.rows.on(xp), 1)  # (n, height, columns, colours)
        if self.columns is not None:
            x = ops.take(x, self.columns.on(xp), 2)  # (n, height, width, colours)
        return self.second(self.first(x), rectify=True)


def condition_features(spec, extents, channels, rng) -> Module | None:
    """The network from a condition of this `DataSpec` to features at each pixel; None if there is no condition."""
    if spec is None:
        return None
    kind = condition_name(spec)
    if kind == "image":
        return ImageFeatures(spec, extents, channels, rng)
    return (ClassFeatures if kind == "class" else VectorFeatures)(spec, channels, rng)


def numbers(condition, spec, dtype):
    """A condition as numbers of `dtype`; integers 0 … levels - 1 are scaled to [-1, 1]."""
    if spec.kind == "continuous":
        return ops.astype(condition, dtype)
    levels = 2 if spec.kind == "binary" else spec.levels
    return condition.astype(dtype) * (2 / (levels - 1)) - 1
