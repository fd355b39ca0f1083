"""Dropout."""

from ..arrays import array_module, as_generator
from ..arrays.checks import fraction
from ..autograd import raw
from .module import Module


class Dropout(Module):
    """In a training call, each element becomes 0 with probability `rate`, else is divided by 1 - rate.

    The expectation is x, so that a call without `train=True` gives x itself (Srivastava et al., 2014). Raises
    ValueError for a training call without `rng`, unless the rate is 0.
    """

    def __init__(self, rate: float):
        self.rate = fraction("Dropout rate", rate)

    def __call__(self, x, *, train=False, rng=None):
        if not train or self.rate == 0:
            return x
        if rng is None:
            raise ValueError("Dropout rng: expected a source of noise in a training call (train=True), got None")
        keep = 1 - self.rate
        mask = as_generator(rng).bernoulli(keep, x.shape, x.dtype, array_module(raw(x)))
        mask *= 1 / keep
        return x * mask
