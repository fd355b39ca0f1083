"""The gamma distribution."""

import math

import numpy as np

from .. import ops
from ..arrays import as_generator
from ..autograd import raw
from ..ops.incomplete import implicit_gamma
from .continuous import Continuous, narrow, positive, step
from .kl import register_kl
from .rejection import log_gamma_samples
from .shapes import outside, sample_shape


class Gamma(Continuous):
    """Distribution over x ≥ 0 of shape a = `concentration` and inverse scale b = `rate`.

    log p(x) = Σ a log b + (a - 1) log x - b x - log Γ(a). Samples too small for a float, which are frequent for
    concentrations far below 1, become the smallest normal float. Raises ValueError for parameters that are not
    above 0.
    """

    def __init__(self, concentration, rate, *, event_ndim: int = 0):
        self.concentration, self.rate = positive("concentration", concentration), positive("rate", rate)
        self._set_parameters(event_ndim, concentration=self.concentration, rate=self.rate)

    @property
    def support(self):
        """0 and inf."""
        return 0.0, math.inf

    def _log_prob(self, x):
        dtype, x, a, b = self._wide(x)
        inside = (raw(x) >= 0) & (raw(x) < math.inf)
        flat = (raw(x) == 0) & (raw(a) == 1)  # 0·log 0 is 0 here
        safe = ops.where(inside, x, 1)
        with np.errstate(divide="ignore"):
            by_element = a * ops.log(b) + (a - 1) * ops.log(ops.where(flat, 1, safe)) - b * safe - ops.lgamma(a)
        return self._sum_event(narrow(ops.where(inside, by_element, outside(x, dtype)), dtype))

    def _sample(self, shape, rng):
        return raw(self._transformed(shape, rng, lambda a, log_z: log_z))

    def rsample(self, n, rng):
        """Samples with the derivatives of quantiles: dx/da = -(∂F/∂a)/p(x) (Figurnov et al., 2018, equation 4)."""
        return self._transformed(sample_shape(n) + self.batch_shape + self.event_shape, rng, implicit_gamma)

    def _transformed(self, shape, rng, path):
        _, a, b = self._wide()
        x = ops.exp(path(a, log_gamma_samples(raw(a), shape, as_generator(rng)))) / b
        return narrow(ops.clip(x, float(np.finfo(self.dtype).tiny)), self.dtype)

    def cdf(self, x):
        """The regularised lower incomplete gamma function P(a, b x) of each element."""
        dtype, x, a, b = self._wide(self._elements("cdf x", x))
        inside = (raw(x) > 0) & (raw(x) < math.inf)
        below = ops.gamma_cdf(a, ops.log(b * ops.where(inside, x, 1)))
        return narrow(ops.where(inside, below, step(x, 0)), dtype)

    def icdf(self, p):
        """The inverse of `cdf`; NaN for p outside [0, 1]."""
        dtype, p, a, b = self._wide(self._elements("icdf p", p))
        return narrow(ops.exp(ops.gamma_quantile(a, p)) / b, dtype)

    def _entropy(self):
        _, a, b = self._wide()
        return a - ops.log(b) + ops.lgamma(a) + (1 - a) * ops.digamma(a)

    @property
    def mean(self):
        """concentration / rate."""
        a, b = self._arrays()
        return self._full(a / b)

    @property
    def variance(self):
        """concentration / rate²."""
        a, b = self._arrays()
        return self._full(a / b / b)


@register_kl(Gamma, Gamma)
def kl_gamma(p, q):
    """Σ (a_p - a_q) ψ(a_p) - log Γ(a_p) + log Γ(a_q) + a_q log(b_p/b_q) + a_p (b_q/b_p - 1)."""
    (dtype, a, b), (dtype_q, a_q, b_q) = p._wide(), q._wide()
    ratio = b_q / b
    by_element = (a - a_q) * ops.digamma(a) - ops.lgamma(a) + ops.lgamma(a_q) - a_q * ops.log(ratio) + a * (ratio - 1)
    return p._sum_event(narrow(by_element, np.result_type(dtype, dtype_q)))
