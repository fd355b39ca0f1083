"""The beta distribution."""

import numpy as np

from .. import ops
from ..arrays import as_generator
from ..autograd import raw
from ..ops.incomplete import implicit_beta
from .continuous import Continuous, narrow, positive, step
from .kl import register_kl
from .rejection import log_gamma_samples
from .shapes import outside, sample_shape


class Beta(Continuous):
    """Distribution over [0, 1] with a = `concentration1` for x and b = `concentration0` for 1 - x.

    log p(x) = Σ (a - 1) log x + (b - 1) log(1 - x) - log B(a, b). Samples too close to 0 or 1 for a float become the
    nearest float inside. Raises ValueError for parameters that are not above 0.
    """

    def __init__(self, concentration1, concentration0, *, event_ndim: int = 0):
        self.concentration1 = positive("concentration1", concentration1)
        self.concentration0 = positive("concentration0", concentration0)
        self._set_parameters(event_ndim, concentration1=self.concentration1, concentration0=self.concentration0)

    @property
    def support(self):
        """0 and 1."""
        return 0.0, 1.0

    def _log_prob(self, x):
        dtype, x, a, b = self._wide(x)
        inside = (raw(x) >= 0) & (raw(x) <= 1)
        flat0, flat1 = (raw(x) == 0) & (raw(a) == 1), (raw(x) == 1) & (raw(b) == 1)  # 0·log 0 is 0 here
        safe = ops.where(inside, x, 0.5)
        with np.errstate(divide="ignore"):
            by_element = (a - 1) * ops.log(ops.where(flat0, 1, safe)) + (b - 1) * ops.log1p(-ops.where(flat1, 0, safe))
        return self._sum_event(narrow(ops.where(inside, by_element - ops.lbeta(a, b), outside(x, dtype)), dtype))

    def _sample(self, shape, rng):
        return raw(self._transformed(shape, rng, lambda a, b, logit: logit))

    def rsample(self, n, rng):
        """Samples with the derivatives of quantiles: dx/da = -(∂F/∂a)/p(x) (Figurnov et al., 2018, equation 4)."""
        return self._transformed(sample_shape(n) + self.batch_shape + self.event_shape, rng, implicit_beta)

    def _transformed(self, shape, rng, path):
        # y/(y + z), for y and z from gamma distributions, has the logit log y - log z.
        (_, a, b), rng = self._wide(), as_generator(rng)
        x = ops.sigmoid(path(a, b, log_gamma_samples(raw(a), shape, rng) - log_gamma_samples(raw(b), shape, rng)))
        info = np.finfo(self.dtype)
        return narrow(ops.clip(x, float(info.tiny), float(1 - info.epsneg)), self.dtype)

    def cdf(self, x):
        """The regularised incomplete beta function I_x(a, b) of each element."""
        dtype, x, a, b = self._wide(self._elements("cdf x", x))
        inside = (raw(x) > 0) & (raw(x) < 1)
        safe = ops.where(inside, x, 0.5)
        below = ops.beta_cdf(a, b, ops.log(safe) - ops.log1p(-safe))
        return narrow(ops.where(inside, below, step(x, 0)), dtype)

    def icdf(self, p):
        """The inverse of `cdf`; NaN for p outside [0, 1]."""
        dtype, p, a, b = self._wide(self._elements("icdf p", p))
        return narrow(ops.sigmoid(ops.beta_quantile(a, b, p)), dtype)

    def _entropy(self):
        _, a, b = self._wide()
        return (ops.lbeta(a, b) - (a - 1) * ops.digamma(a) - (b - 1) * ops.digamma(b)
                + (a + b - 2) * ops.digamma(a + b))

    @property
    def mean(self):
        """a / (a + b)."""
        a, b = self._arrays()
        return self._full(a / (a + b))

    @property
    def variance(self):
        """a b / ((a + b)² (a + b + 1))."""
        a, b = self._arrays()
        total = a + b
        return self._full((a / total) * (b / total) / (total + 1))


@register_kl(Beta, Beta)
def kl_beta(p, q):
    """Σ log B(a_q, b_q)/B(a_p, b_p) + (a_p - a_q) (ψ(a_p) - ψ(a_p + b_p)) + (b_p - b_q) (ψ(b_p) - ψ(a_p + b_p))."""
    (dtype, a, b), (dtype_q, a_q, b_q) = p._wide(), q._wide()
    both = ops.digamma(a + b)
    by_element = (ops.lbeta(a_q, b_q) - ops.lbeta(a, b)
            + (a - a_q) * (ops.digamma(a) - both) + (b - b_q) * (ops.digamma(b) - both))
    return p._sum_event(narrow(by_element, np.result_type(dtype, dtype_q)))
