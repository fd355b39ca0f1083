"""Mixtures of logistic distributions, discretised to the levels of a pixel or an audio sample."""

import math

import numpy as np

from .. import ops
from ..arrays import array_module, as_generator, to_numpy
from ..arrays.checks import integer
from ..autograd import raw, xp_of
from .categorical import Categorical
from .counts import inverse
from .distribution import Distribution
from .shapes import as_float, common_dtype, common_shape, outside, parameter


class DiscretizedLogisticMixture(Distribution):
    """The integers 0 … levels - 1, with the mass that a mixture of logistic distributions has in the bin of an integer.

    The levels are scaled to [-1, 1]. With h = 1/(levels - 1), the bin of level x reaches from x̃ - h to x̃ + h around
    x̃ = 2hx - 1. The first bin begins at -∞ and the last bin ends at ∞:

        p(x) = Σ_k w_k (σ((x̃ + h - loc_k)/s_k) - σ((x̃ - h - loc_k)/s_k)),   w = softmax(logits), s = exp(log_scale)

    (Salimans et al., PixelCNN++, 2017, equation 2). The K components are on the parameters' last axis; the other axes
    are `batch_shape + event_shape`. Elements of an event (pixels, channels) are independent. The masses sum to 1 over
    the levels, and their logarithms are finite however small they are. Samples are int64. Raises ValueError or
    TypeError for shapes that do not fit and for fewer than 2 levels.
    """

    discrete = True

    def __init__(self, logits, loc, log_scale, levels: int, *, event_ndim: int = 0):
        self.levels = integer("levels", levels, 2)
        self.logits, self.loc = parameter("logits", logits), parameter("loc", loc)
        self.log_scale = parameter("log_scale", log_scale)
        shape = common_shape(logits=self.logits, loc=self.loc, log_scale=self.log_scale)
        if not getattr(self.logits, "shape", ()) or self.logits.shape[-1] != shape[-1] or shape[-1] == 0:
            raise ValueError("logits: expected shape (..., K) with K, at least 1, the number of components, got "
                             f"{getattr(self.logits, 'shape', ())} with parameters of shape {shape}")
        self._set_shape(shape[:-1], event_ndim)
        self.dtype = common_dtype(self.logits, self.loc, self.log_scale)

    def _spread(self):
        """log s and 1/s. An s below exp(-limit) is a step at loc just as exp(-limit) is, but would overflow."""
        limit = -0.5 * math.log(np.finfo(self.dtype).max)
        log_scale = self.log_scale
        if isinstance(log_scale, float):
            log_scale = xp_of(self.logits).asarray(log_scale, self.dtype)
        log_scale = ops.clip(log_scale, low=limit)
        return log_scale, ops.exp(-log_scale)

    def _edge(self, j, inverse_scale):
        """(edge - loc)/s for the lower edge of level j, of each component: integers j get a last axis."""
        edge = (2 * j - 1) / (self.levels - 1) - 1
        return (edge.reshape((*edge.shape, 1)) - self.loc) * inverse_scale

    def component_log_prob(self, x):
        """log of the mass of each component in the bin of x, integers 0 … levels - 1: `(*x.shape, K)`."""
        return self._component_log_prob(as_float(x, self.dtype))

    def _element_log_prob(self, x):
        """log p of each element, for levels x as floating numbers in range."""
        return ops.logsumexp(ops.log_softmax(self.logits, -1) + self._component_log_prob(x), -1)

    def _component_log_prob(self, x):
        log_scale, inverse_scale = self._spread()
        upper, lower = self._edge(x + 1, inverse_scale), self._edge(x, inverse_scale)
        first, last = (x == 0)[..., None], (x == self.levels - 1)[..., None]
        # σ(b) - σ(a) = σ(b) σ(-a) (1 - exp(a - b)): nothing cancels, and every factor has a finite logarithm
        return (ops.where(last, 0, ops.log_sigmoid(upper)) + ops.where(first, 0, ops.log_sigmoid(-lower))
                + ops.where(first | last, 0, self._log_width(log_scale, inverse_scale)))

    def _log_width(self, log_scale, inverse_scale):
        """log(1 - exp(-d)) for the bins' width d = 2h/s; for small d as log d - d/2 + d²/24, even if d underflows."""
        d = 2 / (self.levels - 1) * inverse_scale
        small = raw(d) < 1e-3
        series = math.log(2 / (self.levels - 1)) - log_scale - d / 2 + ops.square(ops.where(small, d, 0)) / 24
        return ops.where(small, series, ops.log(-ops.expm1(-ops.where(small, 1, d))))

    def _log_prob(self, x):
        values = raw(x)
        xp = xp_of(self.logits)
        values = xp.asarray(values)
        inside = (values >= 0) & (values < self.levels) & (values == xp.floor(values))
        by_element = self._element_log_prob(as_float(xp.where(inside, values, 0), self.dtype).astype(self.dtype))
        return self._sum_event(ops.where(inside, by_element, outside(values, self.dtype)))

    def cdf(self, x):
        """p(X ≤ x) = Σ_k w_k σ((x̃ + h - loc_k)/s_k) of each element, x̃ the level at x or below it."""
        return self._cdf(raw(self._value(x)))

    def _cdf(self, x):
        xp = xp_of(self.logits)
        level = xp.floor(xp.asarray(x, self.dtype))
        inside = (level >= 0) & (level < self.levels - 1)
        upper = self._edge(xp.where(inside, level, 0) + 1, self._spread()[1])
        below = (ops.softmax(self.logits, -1) * ops.sigmoid(upper)).sum(axis=-1)
        return ops.where(inside, below, xp.where(level == level, level >= 0, math.nan).astype(self.dtype))

    def icdf(self, p):
        """The smallest level x with p(X ≤ x) ≥ p, of each element; NaN for p outside [0, 1]. No gradient."""
        xp = xp_of(self.logits)
        level = inverse(lambda x: to_numpy(raw(self._cdf(xp.asarray(x)))), to_numpy(raw(self._value(p))), 0,
                        self.levels - 1)
        return xp.asarray(level, self.dtype)

    def categorical(self) -> Categorical:
        """The same distribution as a Categorical over all levels, which takes `levels` times the memory."""
        shape = self.batch_shape + self.event_shape
        levels = xp_of(self.logits).arange(self.levels, dtype=self.dtype)
        by_element = self._element_log_prob(levels.reshape((self.levels, *(1,) * len(shape))))
        return Categorical(ops.transpose(by_element, (*range(1, len(shape) + 1), 0)), event_ndim=self.event_ndim)

    def _sample(self, shape, rng):
        rng = as_generator(rng)
        chosen = Categorical(raw(self.logits))._sample(shape, rng)
        xp = array_module(chosen)
        k = self.logits.shape[-1]
        loc, log_scale = (
            xp.take_along_axis(xp.broadcast_to(xp.asarray(raw(value), "float64"), (*shape, k)), chosen[..., None], -1)
            for value in (self.loc, self.log_scale))
        logistic = -xp.log(xp.expm1(rng.exponential(shape, xp=xp)))  # log u/(1 - u) for u = exp(-an exponential number)
        scale = xp.exp(xp.minimum(log_scale[..., 0], 700.0))  # no overflow, and already far beyond all levels
        value = loc[..., 0] + scale * logistic
        return xp.clip(xp.floor((value + 1) / 2 * (self.levels - 1) + 0.5), 0, self.levels - 1).astype("int64")

    def entropy(self):
        """-Σ p(x) log p(x) over the levels, summed over the event."""
        return self.categorical().entropy()

    @property
    def mean(self):
        """Σ x p(x) over the levels, of each element."""
        return self.categorical().mean

    @property
    def variance(self):
        """Σ (x - mean)² p(x) over the levels, of each element."""
        return self.categorical().variance
