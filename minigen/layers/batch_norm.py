"""Batch normalisation."""

import numpy as np

from .. import ops
from ..arrays import as_dtype
from ..arrays.checks import number, positive_integer, positive_number
from ..autograd import Parameter, raw
from .arguments import features
from .module import Buffer, Module


class BatchNorm(Module):
    """(x - mean) / √(variance + eps)·weight + bias for each of `size` channels, the last axis: (..., size) to the same.

    In a training call (`train=True`) mean and variance are those of the batch: over all axes but the last, the variance
    divided by their number n. The call records them in two buffers,

        running_mean     ← (1 - momentum)·running_mean     + momentum·mean
        running_variance ← (1 - momentum)·running_variance + momentum·variance·n / (n - 1),

    which start at 0 and 1, and which all other calls use instead. `weight` starts at 1 and `bias` at 0 (Ioffe and
    Szegedy, 2015, algorithms 1 and 2; the names and the momentum, which is the share of the new value, are PyTorch's).
    Derivatives are exact, through the statistics of the batch too.

    Raises ValueError for a momentum outside 0 … 1, an `eps` that is not positive, and a training call with fewer than
    two values of a channel.
    """

    def __init__(self, size: int, momentum: float = 0.1, eps: float = 1e-5, dtype="float32"):
        self.size = positive_integer("BatchNorm size", size)
        self.momentum = number("BatchNorm momentum", momentum)
        if not 0 <= self.momentum <= 1:
            raise ValueError(f"BatchNorm momentum: expected a number from 0 to 1, got {momentum}")
        self.eps = positive_number("BatchNorm eps", eps)
        dtype = as_dtype(dtype)
        self.weight, self.bias = Parameter(np.ones(size, dtype)), Parameter(np.zeros(size, dtype))
        self.running_mean, self.running_variance = Buffer(np.zeros(size, dtype)), Buffer(np.ones(size, dtype))

    def __call__(self, x, *, train=False, rng=None):
        x = features("BatchNorm", x, self.size, self.weight.dtype)
        if not train:
            scale = self.weight / ops.sqrt(self.running_variance + self.eps)
            return (x - self.running_mean) * scale + self.bias
        n = x.size // self.size
        if n < 2:
            raise ValueError("BatchNorm input: expected at least two values of each channel in a training call, "
                             f"got shape {x.shape}")
        # one example that holds the whole batch, and groups of one channel
        whole = ops.reshape(x, (1, n, self.size))
        y, mean, variance = ops.group_norm(whole, self.weight, self.bias, self.size, self.eps)
        self._record(raw(mean)[0], raw(variance)[0] * (n / (n - 1)))
        return ops.reshape(y, x.shape)

    def _record(self, mean, variance):
        for buffer, value in ((self.running_mean, mean), (self.running_variance, variance)):
            buffer.assign((1 - self.momentum) * buffer.data + self.momentum * value)
