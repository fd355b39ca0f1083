"""Student's t distribution."""

import math

import numpy as np

from .. import ops
from ..arrays import array_module, as_generator
from ..autograd import raw, xp_of
from ..ops.incomplete import implicit_gamma
from .continuous import Continuous, narrow, positive
from .rejection import log_gamma_samples
from .shapes import parameter, sample_shape


class StudentT(Continuous):
    """Student's t distribution with ν = `df` degrees of freedom, of z = (x - loc)/scale.

    log p(x) = -Σ ½ (ν + 1) log(1 + z²/ν) + log B(½, ½ ν) + ½ log ν + log scale. Raises ValueError for a df or scale
    that is not above 0.
    """

    def __init__(self, df, loc, scale, *, event_ndim: int = 0):
        self.df, self.loc, self.scale = positive("df", df), parameter("loc", loc), positive("scale", scale)
        self._set_parameters(event_ndim, df=self.df, loc=self.loc, scale=self.scale)

    def _log_prob(self, x):
        dtype, x, df, loc, scale = self._wide(x)
        ratio = (x - loc) / (scale * ops.sqrt(df))
        far = abs(raw(ratio)) > 1e8  # its square may overflow
        near, distance = ops.where(far, 0, ratio), ops.abs(ops.where(far, ratio, 1))
        log_term = ops.where(far, 2 * ops.log(distance), ops.log1p(ops.square(near)))
        constant = ops.lbeta(0.5 * df, raw(0 * df) + 0.5) + 0.5 * ops.log(df) + ops.log(scale)
        return self._sum_event(narrow(-0.5 * (df + 1) * log_term - constant, dtype))

    def _sample(self, shape, rng):
        return raw(self._transformed(shape, rng, lambda a, log_z: log_z))

    def rsample(self, n, rng):
        """loc + scale·e/√(2g/ν), e standard normal and g from Gamma(½ ν, 1), differentiated implicitly."""
        return self._transformed(sample_shape(n) + self.batch_shape + self.event_shape, rng, implicit_gamma)

    def _transformed(self, shape, rng, path):
        (_, df, loc, scale), rng = self._wide(), as_generator(rng)
        noise = rng.standard_normal(shape, np.float64, self._xp())
        log_g = path(0.5 * df, log_gamma_samples(raw(0.5 * df), shape, rng))
        with np.errstate(over="ignore"):
            return narrow(loc + scale * (noise * ops.exp(0.5 * (ops.log(0.5 * df) - log_g))), self.dtype)

    def cdf(self, x):
        """I_y(½ ν, ½ ν) of each element at y = ½ + ½ z/√(ν + z²), whose logit is 2 arsinh(z/√ν)."""
        dtype, x, df, loc, scale = self._wide(self._elements("cdf x", x))
        df = _limited(df)
        return narrow(ops.beta_cdf(0.5 * df, 0.5 * df, 2 * _arsinh((x - loc) / (scale * ops.sqrt(df)))), dtype)

    def icdf(self, p):
        """The inverse of `cdf`; NaN for p outside [0, 1]."""
        dtype, p, df, loc, scale = self._wide(self._elements("icdf p", p))
        df = _limited(df)
        half = 0.5 * ops.beta_quantile(0.5 * df, 0.5 * df, p)
        return narrow(loc + scale * (ops.sqrt(df) * (0.5 * (ops.expm1(half) - ops.expm1(-half)))), dtype)

    def _entropy(self):
        _, df, loc, scale = self._wide()
        return (0.5 * (df + 1) * _digamma_rise(df) + 0.5 * ops.log(df)
                + ops.lbeta(0.5 * df, raw(0 * df) + 0.5) + ops.log(scale) + 0 * loc)

    @property
    def mean(self):
        """loc; NaN for df ≤ 1, where the integral does not exist."""
        df, loc, scale = self._arrays()
        return self._full(ops.where(raw(df) > 1, loc, math.nan))

    @property
    def variance(self):
        """scale² df/(df - 2); inf for df ≤ 2, NaN for df ≤ 1."""
        df, loc, scale = self._arrays()
        finite = raw(df) > 2
        value = ops.square(scale) * (df / (ops.where(finite, df, 3) - 2))
        xp = array_module(finite)
        return self._full(ops.where(finite, value, xp.where(raw(df) > 1, math.inf, math.nan)))


def _digamma_rise(df):
    """ψ(½ (ν + 1)) - ψ(½ ν); for large ν, where the terms cancel, by the series 1/ν + 1/(2ν²) - 1/(4ν⁴) + …."""
    large = raw(df) > 1e4
    moderate, r = ops.where(large, 1, df), 1 / ops.where(large, df, 1)
    difference = ops.digamma(0.5 * (moderate + 1)) - ops.digamma(0.5 * moderate)
    return ops.where(large, r * (1 + r * (0.5 - 0.25 * r * r)), difference)


def _limited(df):
    """df, but at most 1e10: incomplete beta functions are exact up to there, and beyond nothing noticeable changes."""
    return ops.where(raw(df) > 1e10, 1e10, df)


def _arsinh(u):
    """log(u + √(1 + u²)), from |u| by log1p, which is exact for small and negative u."""
    side = xp_of(u).where(raw(u) < 0, -1.0, 1.0)
    size = side * u
    large = raw(size) > 1e8
    small = ops.where(large, 1, size)
    exact = ops.log1p(small + small * small / (1 + ops.sqrt(1 + small * small)))
    return side * ops.where(large, math.log(2) + ops.log(ops.where(large, size, 1)), exact)
