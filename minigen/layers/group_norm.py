"""Group normalisation and instance normalisation: statistics of one example at a time."""

import math

import numpy as np

from .. import ops
from ..arrays import as_dtype
from ..arrays.checks import positive_integer, positive_number
from ..autograd import Parameter
from .arguments import features
from .module import Module


class GroupNorm(Module):
    """(x - mean) / √(variance + eps)·weight + bias: (batch, *space, channels) to the same shape.

    The channels come in `groups` equal groups, one after the other. Mean and variance are those of one group in one
    example, over its channels and all positions. So the result for an example does not depend on the rest of the batch,
    nor on `train`. `weight` `(channels,)` starts at 1 and `bias` at 0 (Wu and He, 2018). Raises ValueError for a number
    of channels that is not a multiple of `groups`, and for an `eps` that is not positive.
    """

    def __init__(self, groups: int, channels: int, eps: float = 1e-5, dtype="float32"):
        name = type(self).__name__
        self.groups = positive_integer(f"{name} groups", groups)
        self.channels = positive_integer(f"{name} channels", channels)
        if self.channels % self.groups:
            raise ValueError(f"{name} channels: expected a multiple of the {groups} groups, got {channels}")
        self.eps = positive_number(f"{name} eps", eps)
        self.weight = Parameter(np.ones(channels, as_dtype(dtype)))
        self.bias = Parameter(np.zeros(channels, as_dtype(dtype)))

    def __call__(self, x, *, train=False, rng=None):
        x = features(type(self).__name__, x, self.channels, self.weight.dtype)
        return ops.group_norm(x, self.weight, self.bias, self.groups, self.eps)[0]


class InstanceNorm(GroupNorm):
    """Group normalisation with one channel in each group: each channel of each example over its positions alone.

    Raises ValueError for an input with fewer than two positions, whose normalised values would all be 0
    (Ulyanov, Vedaldi and Lempitsky, 2016). Other arguments and errors as for GroupNorm.
    """

    def __init__(self, channels: int, eps: float = 1e-5, dtype="float32"):
        super().__init__(channels, channels, eps, dtype)

    def __call__(self, x, *, train=False, rng=None):
        x = features("InstanceNorm", x, self.channels, self.weight.dtype)
        if math.prod(x.shape[1:-1]) < 2:
            raise ValueError("InstanceNorm input: expected shape (batch, *space, channels) with at least two positions "
                             f"of an example, got {x.shape}")
        return super().__call__(x)
