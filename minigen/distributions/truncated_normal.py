"""The normal distribution within an interval."""

import math

import numpy as np

from .. import ops
from ..arrays import as_generator
from ..autograd import raw
from ..ops.normal_tails import normal_piece, truncated_normal_quantile
from .continuous import Continuous, check_order, narrow, only_probabilities, positive, step
from .shapes import outside, parameter, sample_shape

FAR = 1e3  # beyond so many standard deviations there is no mass, wherever the interval ends


class TruncatedNormal(Continuous):
    """A normal variable of mean `loc` and standard deviation `scale` that is known to be within [`low`, `high`].

    log p(x) = -Σ ½ z² + log scale + log ∫ exp(-½ t²) dt, z = (x - loc)/scale and the integral over the interval in
    units of scale. It is computed relative to the mode r, the point of the interval that is nearest to loc: with
    c = (r - loc)/scale and w = (x - r)/scale, ½ z² = ½ c² + c w + ½ w², and ½ c², which may be large, cancels. So the
    interval may be far out in a tail, or narrow. Its ends may be infinite. Raises ValueError for a
    scale that is not above 0 or a high not above low.
    """

    def __init__(self, loc, scale, low, high, *, event_ndim: int = 0):
        self.loc, self.scale = parameter("loc", loc), positive("scale", scale)
        self.low, self.high = parameter("low", low), parameter("high", high)
        self._set_parameters(event_ndim, loc=self.loc, scale=self.scale, low=self.low, high=self.high)
        check_order(self.low, self.high)

    @property
    def support(self):
        """low and high."""
        return self.low, self.high

    def _about_mode(self, loc, scale, low, high):
        """The mode r, c, and the interval's ends below and above r in units of scale."""
        r = ops.where(raw(loc) < raw(low), low, ops.where(raw(loc) > raw(high), high, loc))
        return r, (r - loc) / scale, _extent(r, low, scale), _extent(high, r, scale)

    def _moment(self, c, left, right, order=0):
        """∫ exp(-c w - ½ w²) wⁿ dw over the interval."""
        return normal_piece(c, right, order) - normal_piece(c, -left, order)

    def _log_prob(self, x):
        dtype, x, loc, scale, low, high = self._wide(x)
        inside = ~((raw(x) < raw(low)) | (raw(x) > raw(high)) | (abs(raw(x)) == math.inf))  # NaN goes on
        r, *position = self._about_mode(loc, scale, low, high)
        w = (ops.where(inside, x, r) - r) / scale
        by_element = -w * (position[0] + 0.5 * w) - ops.log(scale) - ops.log(self._moment(*position))
        return self._sum_event(narrow(ops.where(inside, by_element, outside(x, dtype)), dtype))

    def _sample(self, shape, rng):
        return self._detached()._by_quantile(shape, rng)

    def rsample(self, n, rng):
        """Quantiles at uniform probabilities, differentiable by all parameters."""
        return self._by_quantile(sample_shape(n) + self.batch_shape + self.event_shape, rng)

    def _detached(self):
        return TruncatedNormal(*(raw(value) for value in self.parameters), event_ndim=self.event_ndim)

    def _by_quantile(self, shape, rng):
        u = as_generator(rng).random(shape, np.float64, self._xp())
        return narrow(self._quantile(ops.clip(u + 2.0**-54, None, 1 - 2.0**-53)), self.dtype)  # neither 0 nor 1

    def _quantile(self, p):
        _, loc, scale, low, high = self._wide()
        r, *position = self._about_mode(loc, scale, low, high)
        x = r + scale * truncated_normal_quantile(*position, p)
        x = ops.where(raw(x) < raw(low), low, ops.where(raw(x) > raw(high), high, x))  # if rounding led outside
        return ops.where(raw(p) == 0, low, ops.where(raw(p) == 1, high, x))

    def cdf(self, x):
        """The integral of the density up to x, of each element."""
        dtype, x, loc, scale, low, high = self._wide(self._elements("cdf x", x))
        inside = ~((raw(x) <= raw(low)) | (raw(x) >= raw(high)))
        r, c, left, right = self._about_mode(loc, scale, low, high)
        w = (ops.where(inside, x, r) - r) / scale
        below = raw(w) < 0
        # Below the mode, from w outwards and relative to the density there: no digits are lost in the tail.
        tail = -ops.exp(-w * (c + 0.5 * w)) * normal_piece(c + ops.where(below, w, 0), -(ops.where(below, w, 0) + left))
        upper = normal_piece(c, ops.where(below, 0, w)) - normal_piece(c, -left)
        share = ops.where(below, tail, upper) / self._moment(c, left, right)
        return narrow(ops.where(inside, share, step(x, low)), dtype)

    def icdf(self, p):
        """The inverse of `cdf`; NaN for p outside [0, 1]."""
        dtype, p, *_ = self._wide(self._elements("icdf p", p))
        return narrow(only_probabilities(p, self._quantile(p)), dtype)

    def _entropy(self):
        _, loc, scale, low, high = self._wide()
        r, c, *ends = self._about_mode(loc, scale, low, high)
        mass, first, second = (self._moment(c, *ends, order) for order in range(3))
        return ops.log(scale) + ops.log(mass) + (c * first + 0.5 * second) / mass

    @property
    def mean(self):
        """r + scale·E w."""
        return self._full(self._moments()[0])

    @property
    def variance(self):
        """scale²·(E w² - (E w)²)."""
        return self._full(self._moments()[1])

    def _moments(self):
        _, loc, scale, low, high = self._wide()
        r, *position = self._about_mode(loc, scale, low, high)
        mass, first, second = (self._moment(*position, order) for order in range(3))
        mean = first / mass
        return r + scale * mean, ops.square(scale) * (second / mass - ops.square(mean))


def _extent(high, low, scale):
    """(high - low)/scale, but at most FAR, and then a constant without a gradient."""
    near = raw(high) - raw(low) < FAR * raw(scale)
    return ops.where(near, (ops.where(near, high, 0) - ops.where(near, low, 0)) / scale, FAR)
