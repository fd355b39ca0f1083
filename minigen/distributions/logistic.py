"""The logistic distribution."""

import math

from .. import ops
from ..arrays import as_generator
from ..autograd import raw
from .continuous import Continuous, only_probabilities, positive
from .shapes import parameter, sample_shape


class Logistic(Continuous):
    """The distribution with p(X ≤ x) = σ(z) and p(x) = σ(z) σ(-z)/scale, where z = (x - loc)/scale.

    log p(x) = -Σ log(1 + exp(z)) + log(1 + exp(-z)) + log scale, where nothing overflows. Raises ValueError for a
    scale that is not above 0.
    """

    def __init__(self, loc, scale, *, event_ndim: int = 0):
        self.loc, self.scale = parameter("loc", loc), positive("scale", scale)
        self._set_parameters(event_ndim, loc=self.loc, scale=self.scale)

    def _log_prob(self, x):
        x, loc, scale = self._arrays(x)
        z = (x - loc) / scale
        return self._sum_event(-(ops.softplus(z) + ops.softplus(-z) + ops.log(scale)))

    def _sample(self, shape, rng):
        return raw(self._stretched(shape, rng))

    def rsample(self, n, rng):
        """loc + scale·e with e standard logistic."""
        return self._stretched(sample_shape(n) + self.batch_shape + self.event_shape, rng)

    def _stretched(self, shape, rng):
        # log v - log(1 - v) for uniform v = exp(-e): both tails are as fine as that of e
        (loc, scale), xp = self._arrays(), self._xp()
        return loc - scale * xp.log(xp.expm1(as_generator(rng).exponential(shape, self.dtype, xp)))

    def cdf(self, x):
        """σ((x - loc)/scale) of each element."""
        x, loc, scale = self._arrays(self._elements("cdf x", x))
        return ops.sigmoid((x - loc) / scale)

    def icdf(self, p):
        """loc + scale·(log p - log(1 - p)) of each element; NaN for p outside [0, 1]."""
        p, loc, scale = self._arrays(self._elements("icdf p", p))
        inside = (raw(p) > 0) & (raw(p) < 1)
        safe = ops.where(inside, p, 0.5)
        ends = ops.where(raw(p) > 0.5, math.inf, -math.inf).astype(p.dtype)
        return only_probabilities(p, loc + scale * ops.where(inside, ops.log(safe) - ops.log1p(-safe), ends))

    def _entropy(self):
        return 2 + ops.log(self._arrays()[1])

    @property
    def mean(self):
        """loc."""
        return self._full(self._arrays()[0])

    @property
    def variance(self):
        """π² scale²/3."""
        return self._full(ops.square(self._arrays()[1]) * (math.pi**2 / 3))
