"""The table of vectors."""

import numpy as np

from .. import ops
from ..arrays import array_module, as_dtype, as_generator
from ..arrays.checks import positive_integer
from ..autograd import Parameter, raw
from .module import Module


class Embedding(Module):
    """A trainable vector for each of the integers 0 … count-1: indices of shape (...) to (..., features).

    `weight` of shape (count, features) starts as `init(shape, rng, dtype)`, by default standard normal. Raises
    TypeError for indices that are not integers, and ValueError for indices outside 0 … count-1. On a GPU their values
    are not checked, since that would wait for the GPU: negative indices count from the table's end.
    """

    def __init__(self, count: int, features: int, rng, init=None, dtype="float32"):
        self.count = positive_integer("Embedding count", count)
        self.features = positive_integer("Embedding features", features)
        rng, shape = as_generator(rng), (count, features)
        values = rng.standard_normal(shape, as_dtype(dtype)) if init is None else init(shape, rng, dtype)
        self.weight = Parameter(values)

    def __call__(self, indices, *, train=False, rng=None):
        indices = raw(indices)
        indices = indices if hasattr(indices, "dtype") else np.asarray(indices)
        if indices.dtype.kind not in "iu":
            raise TypeError(f"Embedding indices: expected integers, got {indices.dtype}")
        on_host = array_module(indices) is np
        if on_host and indices.size and not (indices.min() >= 0 and indices.max() < self.count):
            raise ValueError(f"Embedding indices: expected 0 … {self.count - 1}, "
                             f"got {indices.min()} … {indices.max()}")
        return ops.take(self.weight, indices, axis=0)
