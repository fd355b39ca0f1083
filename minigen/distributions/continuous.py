"""What distributions over the real numbers share: checks, dtypes and shapes."""

import math

import numpy as np

from .. import ops
from ..arrays import array_module
from ..autograd import raw, xp_of
from .distribution import Distribution
from .shapes import as_float, common_dtype, common_shape, full, parameter


class Continuous(Distribution):
    """A distribution with a density, whose elements are independent.

    A subclass calls `_set_parameters` and defines `_entropy` of each element and, unless it is all numbers, `support`.
    It computes with what `_arrays` or `_wide` gives it: no Python numbers, all of one dtype.
    """

    def _set_parameters(self, event_ndim, **parameters):
        self.parameters = tuple(parameters.values())
        self._set_shape(common_shape(**parameters), event_ndim)
        self.dtype = common_dtype(*self.parameters)

    @property
    def support(self):
        """The ends of the interval outside which the density is 0: two numbers, or arrays that broadcast."""
        return -math.inf, math.inf

    def entropy(self):
        """Differential entropy in nats, summed over the event."""
        return self._sum_event(self._full(self._entropy()))

    def _entropy(self):
        raise NotImplementedError(f"{type(self).__name__} has no entropy in closed form")

    def _arrays(self, *values):
        """`values` and the parameters, in the dtype of arithmetic among them."""
        values = [as_float(float(x) if isinstance(x, int) else x, self.dtype) for x in values]
        return as_arrays(common_dtype(*values, *self.parameters), *values, *self.parameters)

    def _wide(self, *values):
        """`values` and the parameters in float64, and their own dtype before them.

        For densities of special functions, small differences of large numbers that would have no digit in float32.
        """
        values = [as_float(float(x) if isinstance(x, int) else x, self.dtype) for x in values]
        return common_dtype(*values, *self.parameters), *as_arrays(np.float64, *values, *self.parameters)

    def _full(self, value):
        """`value` in the distribution's dtype, repeated to `batch_shape + event_shape`."""
        return full(narrow(value, self.dtype), self.batch_shape + self.event_shape, self.dtype)

    def _xp(self):
        return xp_of(*self.parameters)


def as_arrays(dtype, *values):
    """Values as Tensors or arrays of one dtype, on the GPU if any of them is there."""
    xp = xp_of(*values)
    return [xp.asarray(value, dtype) if isinstance(value, float) else narrow(value, dtype) for value in values]


def narrow(value, dtype):
    """A Tensor or an array in `dtype`."""
    return value if value.dtype == dtype else ops.astype(value, dtype)


def positive(name: str, value):
    """A parameter whose numbers are above 0. Raises ValueError for others, unless they are on a GPU."""
    value = parameter(name, value)
    low = raw(value)
    if low <= 0 if isinstance(low, float) else array_module(low) is np and (low <= 0).any():
        raise ValueError(f"{name}: expected numbers above 0, got {low if isinstance(low, float) else low.min()}")
    return value


def check_order(low, high):
    """Raise ValueError unless low < high everywhere; NaN passes."""
    a, b = raw(low), raw(high)
    if array_module(a, b) is np and np.any(np.asarray(a) >= np.asarray(b)):
        a, b = np.broadcast_arrays(a, b)
        worst = np.argmax(a >= b)
        raise ValueError(f"high: expected numbers above low, got low {a.flat[worst]} and high {b.flat[worst]}")


def step(x, at):
    """The distribution function outside a support: 0 for x up to `at`, 1 above, NaN for NaN."""
    x = raw(x)
    return array_module(x).where(x == x, (x > raw(at)).astype(x.dtype), math.nan)


def only_probabilities(p, value):
    """`value` where p is from 0 to 1, NaN elsewhere."""
    p = raw(p)
    return ops.where((p >= 0) & (p <= 1), value, math.nan)
