"""Layer normalisation."""

import numpy as np

from .. import ops
from ..arrays import as_dtype
from ..arrays.checks import positive_integer, positive_number
from ..autograd import Parameter
from .arguments import features
from .module import Module


class LayerNorm(Module):
    """(x - mean) / √(variance + eps)·weight + bias, mean and variance over the last axis, of extent `size`.

    `weight` starts at 1 and `bias` at 0 (Ba, Kiros and Hinton, 2016).
    """

    def __init__(self, size: int, eps: float = 1e-5, dtype="float32"):
        self.size = positive_integer("LayerNorm size", size)
        self.eps = positive_number("LayerNorm eps", eps)
        self.weight = Parameter(np.ones(size, as_dtype(dtype)))
        self.bias = Parameter(np.zeros(size, as_dtype(dtype)))

    def __call__(self, x, *, train=False, rng=None):
        return ops.layer_norm(features("LayerNorm", x, self.size, self.weight.dtype), self.weight, self.bias, self.eps)
