"""The log-normal distribution."""

import math

from .. import ops
from ..arrays.constants import LOG_2PI
from ..autograd import raw
from .continuous import Continuous, positive, step
from .kl import kl_normal, register_kl
from .normal import Normal
from .shapes import outside, parameter


class LogNormal(Continuous):
    """exp(y) for y normal of mean `loc` and standard deviation `scale`.

    log p(x) = Σ log Normal(log x; loc, scale) - log x for x > 0. Raises ValueError for a scale that is not above 0.
    """

    def __init__(self, loc, scale, *, event_ndim: int = 0):
        self.loc, self.scale = parameter("loc", loc), positive("scale", scale)
        self._set_parameters(event_ndim, loc=self.loc, scale=self.scale)
        self.base = Normal(self.loc, self.scale, event_ndim=event_ndim)

    @property
    def support(self):
        """0 and inf."""
        return 0.0, math.inf

    def _log_prob(self, x):
        x, loc, scale = self._arrays(x)
        inside = (raw(x) > 0) & (raw(x) < math.inf)
        y = ops.log(ops.where(inside, x, 1))
        by_element = -0.5 * ops.square((y - loc) / scale) - (ops.log(scale) + 0.5 * LOG_2PI + y)
        return self._sum_event(ops.where(inside, by_element, outside(x, x.dtype)))

    def _sample(self, shape, rng):
        return ops.exp(self.base._sample(shape, rng))

    def rsample(self, n, rng):
        """exp(loc + scale·e) with e standard normal."""
        return ops.exp(self.base.rsample(n, rng))

    def cdf(self, x):
        """Φ((log x - loc)/scale) of each element, Φ the standard normal distribution function; 0 for x ≤ 0."""
        x, loc, scale = self._arrays(self._elements("cdf x", x))
        inside = (raw(x) > 0) & (raw(x) < math.inf)
        below = ops.ndtr((ops.log(ops.where(inside, x, 1)) - loc) / scale)
        return ops.where(inside, below, step(x, 0))

    def icdf(self, p):
        """exp(loc + scale·Φ⁻¹(p)) of each element; NaN for p outside [0, 1]."""
        p, loc, scale = self._arrays(self._elements("icdf p", p))
        return ops.exp(loc + scale * ops.ndtri(p))

    def _entropy(self):
        loc, scale = self._arrays()
        return loc + ops.log(scale) + 0.5 * (1 + LOG_2PI)

    @property
    def mean(self):
        """exp(loc + ½ scale²)."""
        loc, scale = self._arrays()
        return self._full(ops.exp(loc + 0.5 * ops.square(scale)))

    @property
    def variance(self):
        """(exp(scale²) - 1) exp(2 loc + scale²)."""
        loc, scale = self._arrays()
        return self._full(ops.expm1(ops.square(scale)) * ops.exp(2 * loc + ops.square(scale)))


@register_kl(LogNormal, LogNormal)
def kl_log_normal(p, q):
    """The divergence of the normal distributions of the logarithms: it does not change under a bijection."""
    return kl_normal(p.base, q.base)
