"""The uniform distribution on an interval."""

import math

from .. import ops
from ..arrays import as_generator
from ..autograd import raw
from .continuous import Continuous, check_order, only_probabilities
from .kl import register_kl
from .shapes import outside, parameter, sample_shape


class Uniform(Continuous):
    """Equal density on the interval from `low` to `high`, both ends included: log p(x) = -Σ log(high - low).

    Raises ValueError for a high that is not above low.
    """

    def __init__(self, low, high, *, event_ndim: int = 0):
        self.low, self.high = parameter("low", low), parameter("high", high)
        self._set_parameters(event_ndim, low=self.low, high=self.high)
        check_order(self.low, self.high)

    @property
    def support(self):
        """low and high."""
        return self.low, self.high

    def _log_prob(self, x):
        x, low, high = self._arrays(x)
        inside = ~((raw(x) < raw(low)) | (raw(x) > raw(high)))  # NaN counts as inside and stays NaN
        by_element = 0 * ops.where(inside, x, 0) - ops.log(high - low)  # 0·x: a function of x with gradient 0
        return self._sum_event(ops.where(inside, by_element, outside(x, x.dtype)))

    def _sample(self, shape, rng):
        return raw(self._stretched(shape, rng))

    def rsample(self, n, rng):
        """low + (high - low)·u with u uniform in [0, 1)."""
        return self._stretched(sample_shape(n) + self.batch_shape + self.event_shape, rng)

    def _stretched(self, shape, rng):
        low, high = self._arrays()
        return low + (high - low) * as_generator(rng).random(shape, self.dtype, self._xp())

    def cdf(self, x):
        """(x - low)/(high - low) of each element, within 0 and 1."""
        x, low, high = self._arrays(self._elements("cdf x", x))
        return ops.clip((x - low) / (high - low), 0, 1)

    def icdf(self, p):
        """low + p (high - low) of each element; NaN for p outside [0, 1]."""
        p, low, high = self._arrays(self._elements("icdf p", p))
        return only_probabilities(p, low + p * (high - low))

    def _entropy(self):
        low, high = self._arrays()
        return ops.log(high - low)

    @property
    def mean(self):
        """½ (low + high)."""
        low, high = self._arrays()
        return self._full(0.5 * (low + high))

    @property
    def variance(self):
        """(high - low)²/12."""
        low, high = self._arrays()
        return self._full(ops.square(high - low) / 12)


@register_kl(Uniform, Uniform)
def kl_uniform(p, q):
    """Σ log of the ratio of widths; inf unless p's interval lies within q's."""
    (low, high), (low_q, high_q) = p._arrays(), q._arrays()
    covered = (raw(low_q) <= raw(low)) & (raw(high_q) >= raw(high))
    return p._sum_event(ops.where(covered, ops.log(high_q - low_q) - ops.log(high - low), math.inf))
