"""The Laplace distribution."""

import math

from .. import ops
from ..arrays import array_module, as_generator
from ..autograd import raw
from .continuous import Continuous, only_probabilities, positive
from .kl import register_kl
from .shapes import parameter, sample_shape


class Laplace(Continuous):
    """Double exponential distribution about `loc`: log p(x) = -Σ |x - loc|/scale + log(2 scale).

    Raises ValueError for a scale that is not above 0.
    """

    def __init__(self, loc, scale, *, event_ndim: int = 0):
        self.loc, self.scale = parameter("loc", loc), positive("scale", scale)
        self._set_parameters(event_ndim, loc=self.loc, scale=self.scale)

    def _log_prob(self, x):
        x, loc, scale = self._arrays(x)
        return self._sum_event(-ops.abs(x - loc) / scale - ops.log(2 * scale))

    def _sample(self, shape, rng):
        return raw(self._stretched(shape, rng))

    def rsample(self, n, rng):
        """loc + scale·e with e exponential, of either sign."""
        return self._stretched(sample_shape(n) + self.batch_shape + self.event_shape, rng)

    def _stretched(self, shape, rng):
        (loc, scale), rng, xp = self._arrays(), as_generator(rng), self._xp()
        noise = rng.exponential(shape, self.dtype, xp) * (2 * rng.bernoulli(0.5, shape, self.dtype, xp) - 1)
        return loc + scale * noise

    def cdf(self, x):
        """½ exp(-|z|) of each element below loc, 1 less that above, z = (x - loc)/scale."""
        x, loc, scale = self._arrays(self._elements("cdf x", x))
        z = (x - loc) / scale
        below = raw(z) < 0
        tail = 0.5 * ops.exp(_sign(below, z) * z)
        return ops.where(below, tail, 1 - tail)

    def icdf(self, p):
        """loc + scale·log(2p) of each element up to the median, mirrored above; NaN for p outside [0, 1]."""
        p, loc, scale = self._arrays(self._elements("icdf p", p))
        below = raw(p) < 0.5
        inside = (raw(p) > 0) & (raw(p) < 1)
        tail = ops.log(2 * ops.where(inside, ops.where(below, p, 1 - p), 0.5))
        return only_probabilities(p, loc + scale * (_sign(below, tail) * ops.where(inside, tail, -math.inf)))

    def _entropy(self):
        return 1 + ops.log(2 * self._arrays()[1])

    @property
    def mean(self):
        """loc."""
        return self._full(self._arrays()[0])

    @property
    def variance(self):
        """2 scale²."""
        return self._full(2 * ops.square(self._arrays()[1]))


def _sign(below, like):
    return array_module(below).where(below, 1, -1).astype(like.dtype)


@register_kl(Laplace, Laplace)
def kl_laplace(p, q):
    """Σ log(s_q/s_p) + |d|/s_q + s_p/s_q exp(-|d|/s_p) - 1, with d the distance of the locs.

    Grouped as r (exp(-t) - 1 + t) + (r - 1 - log r) with r = s_p/s_q and t = |d|/s_p, both of which are 0 for p = q.
    """
    (loc, scale), (loc_q, scale_q) = p._arrays(), q._arrays()
    ratio, t = scale / scale_q, ops.abs(loc - loc_q) / scale
    return p._sum_event(ratio * (ops.expm1(-t) + t) + (ratio - 1 - ops.log(ratio)))
