"""The Poisson distribution."""

import math

import numpy as np

from .. import ops
from ..arrays import array_module, as_generator, to_numpy
from ..arrays.constants import LOG_2PI
from ..autograd import raw, xp_of
from .counts import inverse, reach, stirling_error, window
from .distribution import Distribution
from .kl import register_kl
from .shapes import outside, parameter

LARGE = 1e4  # for rates from here on the entropy's asymptotic series is exact up to rounding


class Poisson(Distribution):
    """The integers 0, 1, … with log p(x) = x log rate - rate - log x!, summed over the event.

    Computed as x (log(1 + r) - r) - (log x! - x log x + x) with r = rate/x - 1, so that large terms do not cancel;
    a rate of 0 means a certain 0. Samples are int64. Raises ValueError for a negative or infinite rate. Values on a
    GPU are not checked, since reading them would wait for it.
    """

    discrete = True

    def __init__(self, rate, *, event_ndim: int = 0):
        rate = parameter("rate", rate)
        self.rate = array_module().asarray(rate) if isinstance(rate, float) else rate
        values = raw(self.rate)
        if array_module(values) is np and ((values < 0) | np.isinf(values)).any():
            bad = values[(values < 0) | np.isinf(values)].flat[0]
            raise ValueError(f"rate: expected finite numbers of at least 0, got {bad}")
        self._set_shape(self.rate.shape, event_ndim)
        self.dtype = self.rate.dtype

    def _element_log_prob(self, x):
        """log p of each element, for integers x of at least 0 in a floating dtype."""
        xp = xp_of(self.rate)
        zero = x == 0
        n = xp.where(zero, 1, x).astype(self.dtype)
        certain = raw(self.rate) == 0
        r = ops.where(zero | certain, 0, (self.rate - n) / n)
        positive = ops.where(certain, -math.inf, n * (ops.log1p(r) - r) - stirling_error(x).astype(self.dtype))
        return ops.where(zero, -self.rate, positive)

    def _log_prob(self, x):
        values = raw(x)
        xp = xp_of(self.rate)
        values = xp.asarray(values)
        inside = (values >= 0) & (values < math.inf) & (values == xp.floor(values))
        by_element = self._element_log_prob(xp.where(inside, values, 0).astype("float64"))
        return self._sum_event(ops.where(inside, by_element, outside(values, self.dtype)))

    def cdf(self, x):
        """p(X ≤ x) = 1 - P(⌊x⌋ + 1, rate) of each element, with P the regularised lower incomplete gamma function."""
        values = raw(self._value(x))
        xp = xp_of(self.rate)
        level = xp.floor(xp.asarray(values, self.dtype))
        inside = (level >= 0) & (level < math.inf)
        certain = raw(self.rate) == 0
        log_rate = ops.log(ops.where(certain, 1, self.rate))
        with np.errstate(over="ignore"):  # in a series for tiny values, which is not used for large counts
            below = 1 - ops.where(certain, 0, ops.gamma_cdf(xp.where(inside, level, 0) + 1, log_rate))
        return ops.where(inside, below, xp.where(level == level, level >= 0, math.nan).astype(self.dtype))

    def icdf(self, p):
        """The smallest x with p(X ≤ x) ≥ p, of each element (inf for 1); NaN for p outside [0, 1]. No gradient."""
        p = raw(self._value(p))
        quantile = self._quantile(to_numpy(p))
        quantile[np.broadcast_to(to_numpy(p) == 1, quantile.shape)] = math.inf
        return xp_of(self.rate).asarray(quantile, self.dtype)

    def _quantile(self, p):
        from scipy.special import pdtr

        rate = to_numpy(raw(self.rate)).astype(np.float64)
        return inverse(lambda x: pdtr(x, rate), p, 0, np.ceil(rate + reach(rate)))

    def _sample(self, shape, rng):
        # Inversion in float64. u is above 0, so that the smallest value does not come if it is impossible.
        u = as_generator(rng).random(shape) + 2.0**-54
        return xp_of(self.rate).asarray(self._quantile(u)).astype("int64")

    def entropy(self):
        """-Σ p log p over values with all but 1e-19 of the mass, summed over the event.

        For large rates ½ log(2πe λ) - 1/(12λ) - 1/(24λ²) - 19/(360λ³) (Evans and Boersma, 1988).
        """
        xp = xp_of(self.rate)
        large = raw(self.rate) > LARGE
        small = Poisson(ops.where(large, 1, self.rate))
        rate = to_numpy(raw(small.rate)).astype(np.float64)
        x, valid = (xp.asarray(a) for a in window(rate, rate))
        log_p = Poisson(small.rate.reshape((*rate.shape, 1)))._element_log_prob(xp.where(valid, x, 0))
        terms = ops.exp(log_p) * ops.where(raw(log_p) == -math.inf, 0, log_p)
        exact = -ops.where(valid, terms, 0).sum(axis=-1)
        u = 1 / ops.where(large, self.rate, LARGE)
        series = 0.5 * (LOG_2PI + 1) - 0.5 * ops.log(u) - u * (1 / 12 + u * (1 / 24 + u * (19 / 360)))
        return self._sum_event(ops.where(large, series, exact))

    @property
    def mean(self):
        """rate."""
        return self.rate

    @property
    def variance(self):
        """rate."""
        return self.rate


@register_kl(Poisson, Poisson)
def kl_poisson(p, q):
    """Σ rate_p (log rate_p - log rate_q) + rate_q - rate_p, as rate_p (r - log(1 + r)) with r = rate_q/rate_p - 1."""
    never, excluded = raw(p.rate) == 0, raw(q.rate) == 0  # p is a certain 0, q is
    rate = ops.where(never, 1, p.rate)
    r = ops.where(never | excluded, 0, (q.rate - rate) / rate)
    by_element = ops.where(excluded, math.inf, rate * (r - ops.log1p(r)))
    return p._sum_event(ops.where(never, q.rate, by_element))
