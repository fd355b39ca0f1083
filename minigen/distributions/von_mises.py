"""The von Mises distribution of angles."""

import math

import numpy as np

from .. import ops
from ..arrays import as_generator
from ..autograd import raw, xp_of
from ..ops.von_mises import cosine_tail, implicit_von_mises
from .continuous import Continuous, narrow, step
from .kl import register_kl
from .rejection import von_mises_samples
from .shapes import outside, parameter, sample_shape

LOG_2 = math.log(2)


class VonMises(Continuous):
    """Distribution of an angle x, in radians, about `loc` with concentration κ ≥ 0.

    log p(x) = Σ κ cos(x - loc) - log 2π I₀(κ), with I₀ the modified Bessel function: a density over any turn of 2π, of
    x taken modulo 2π (Mardia and Jupp, Directional Statistics, 2000, equation 3.5.17). Samples are in [-π, π]. Raises
    ValueError for a negative concentration.
    """

    def __init__(self, loc, concentration, *, event_ndim: int = 0):
        self.loc, self.concentration = parameter("loc", loc), parameter("concentration", concentration)
        low = np.asarray(0.0 if self._xp_of(self.concentration) is not np else raw(self.concentration))
        if (low < 0).any():
            raise ValueError(f"concentration: expected numbers of at least 0, got {low.min()}")
        self._set_parameters(event_ndim, loc=self.loc, concentration=self.concentration)

    @staticmethod
    def _xp_of(value):
        return xp_of(value)

    def _log_prob(self, x):
        dtype, x, loc, k = self._wide(x)
        inside = abs(raw(x)) < math.inf
        fall = -2 * ops.square(ops.sin(0.5 * (ops.where(inside, x, 0) - loc)))  # cos(x - loc) - 1
        by_element = k * fall - self._log_normaliser(k)
        return self._sum_event(narrow(ops.where(inside, by_element, outside(x, dtype)), dtype))

    @staticmethod
    def _log_normaliser(k):
        """log 2π I₀(κ) exp(-κ)."""
        return ops.log(cosine_tail(k, 0 * raw(k))) + LOG_2

    @staticmethod
    def _expected_fall(k):
        """E cos(x - loc) - 1 = I₁(κ)/I₀(κ) - 1."""
        zero = 0 * raw(k)
        return cosine_tail(k, zero, 1) / cosine_tail(k, zero)

    def _sample(self, shape, rng):
        return raw(self._transformed(shape, rng, lambda k, x: x))

    def rsample(self, n, rng):
        """Samples with the derivatives by κ of the quantiles of x - loc (Figurnov et al., 2018, equation 4)."""
        return self._transformed(sample_shape(n) + self.batch_shape + self.event_shape, rng, implicit_von_mises)

    def _transformed(self, shape, rng, path):
        _, loc, k = self._wide()
        x = loc + path(k, von_mises_samples(raw(k), shape, as_generator(rng)))
        turns = xp_of(x).floor((raw(x) + math.pi) / (2 * math.pi))
        return narrow(x - 2 * math.pi * turns, self.dtype)

    def cdf(self, x):
        """P(X ≤ x) of each element for the angle in [-π, π]."""
        dtype, x, loc, k = self._wide(self._elements("cdf x", x))
        inside = (raw(x) > -math.pi) & (raw(x) < math.pi)
        below = self._turned(ops.where(inside, x, 0) - loc, k) - self._turned(-math.pi - loc, k)
        return narrow(ops.where(inside, below, step(x, 0)), dtype)

    def _turned(self, t, k):
        """∫ of the density about 0 from -π to t, for any real t."""
        xp = xp_of(t)
        turns = xp.floor((raw(t) + math.pi) / (2 * math.pi))
        t = t - 2 * math.pi * turns
        side = xp.where(raw(t) < 0, -1.0, 1.0)
        start = ops.clip(side * t, 0, math.pi)
        beyond = (ops.exp(-2 * k * ops.square(ops.sin(0.5 * start))) * cosine_tail(k, start)
                  / (2 * cosine_tail(k, 0 * raw(k))))
        return turns + ops.where(side < 0, beyond, 1 - beyond)

    def _entropy(self):
        _, loc, k = self._wide()
        return self._log_normaliser(k) - k * self._expected_fall(k) + 0 * loc

    @property
    def mean(self):
        """loc, the mean direction."""
        return self._full(self._arrays()[0])

    @property
    def variance(self):
        """1 - I₁(κ)/I₀(κ), the circular variance 1 - E cos(x - loc)."""
        _, loc, k = self._wide()
        return self._full(-self._expected_fall(k) + 0 * loc)


@register_kl(VonMises, VonMises)
def kl_von_mises(p, q):
    """Σ log I₀(κ_q)/I₀(κ_p) + A (κ_p - κ_q cos(loc_p - loc_q)), with A = I₁(κ_p)/I₀(κ_p)."""
    (dtype, loc, k), (dtype_q, loc_q, k_q) = p._wide(), q._wide()
    fall, turn = p._expected_fall(k), -2 * ops.square(ops.sin(0.5 * (loc - loc_q)))  # A - 1, cos(loc_p - loc_q) - 1
    by_element = p._log_normaliser(k_q) - p._log_normaliser(k) + fall * (k - k_q) - k_q * (1 + fall) * turn
    return p._sum_event(narrow(by_element, np.result_type(dtype, dtype_q)))
