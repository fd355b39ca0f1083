"""The categorical distribution, from logits."""

import math

import numpy as np

from .. import ops
from ..arrays import array_module, as_generator
from ..autograd import raw, xp_of
from .distribution import Distribution
from .shapes import outside, parameter


class Categorical(Distribution):
    """The integers 0 … K-1 with log p(x) = logits[x] - logsumexp(logits), logits on the last axis.

    `logits` of shape `(*batch_shape, *event_shape, K)`; a logit of -inf excludes its integer. Samples are int64.
    """

    discrete = True

    def __init__(self, logits, *, event_ndim: int = 0):
        logits = parameter("logits", logits)
        if isinstance(logits, float) or logits.ndim == 0 or logits.shape[-1] == 0:
            shape = () if isinstance(logits, float) else logits.shape
            raise ValueError(f"logits: expected shape (..., K) with K at least 1, got {shape}")
        self.logits = logits
        self._set_shape(logits.shape[:-1], event_ndim)
        self.dtype = logits.dtype

    @property
    def levels(self) -> int:
        """K, the number of values."""
        return self.logits.shape[-1]

    @property
    def probs(self):
        """p(x) of the values x, on the last axis."""
        return ops.softmax(self.logits, -1)

    def _log_prob(self, x):
        values = raw(x)
        xp = xp_of(self.logits)
        values = xp.asarray(values)
        inside = (values >= 0) & (values < self.levels)
        if values.dtype.kind == "f":
            inside &= values == xp.floor(values)
        certain = xp is np and inside.all()  # reading values on a GPU would wait for it
        indices = (values if certain else xp.where(inside, values, 0)).astype(xp.int64)
        by_element = ops.categorical_log_prob(self.logits, indices)
        if not certain:
            by_element = ops.where(inside, by_element, outside(values, self.dtype))
        return self._sum_event(by_element)

    def _sample(self, shape, rng):
        # Inversion in float64: the index is the number of cumulative probabilities that are ≤ u·total, u < 1.
        logits = raw(self.logits)
        cumulative = ops.softmax(logits.astype("float64"), -1).cumsum(axis=-1)
        xp, rng = array_module(logits), as_generator(rng)
        u = rng.random(shape) if xp is np else rng.random(shape, xp=xp)
        if cumulative.ndim == 1:
            samples = cumulative.searchsorted(u.reshape(-1) * cumulative[-1], side="right").reshape(shape)
        else:
            samples = (cumulative <= (u * cumulative[..., -1])[..., None]).sum(axis=-1)
        return samples.astype("int64")

    def cdf(self, x):
        """p(X ≤ x) of each element: the running sum of the probabilities."""
        x = raw(self._value(x))
        xp = xp_of(x, self.logits)
        level = xp.floor(xp.asarray(x, self.dtype))
        up_to = xp.arange(self.levels) <= level[..., None]
        below = (self.probs * up_to).sum(axis=-1)
        return ops.where(level < self.levels - 1, below, xp.where(level == level, 1, math.nan).astype(self.dtype))

    def icdf(self, p):
        """The smallest x with p(X ≤ x) ≥ p, of each element; NaN for p outside [0, 1]. No gradient."""
        p = raw(self._value(p))
        xp = xp_of(p, self.logits)
        p = xp.asarray(p, "float64")
        running = ops.softmax(raw(self.logits).astype("float64"), -1).cumsum(axis=-1)
        # p counts as reached at the last probable level, even if the sum was rounded below p
        level = (running < xp.minimum(p[..., None], running[..., -1:])).sum(axis=-1)
        return xp.where((p >= 0) & (p <= 1), level, math.nan).astype(self.dtype)

    def entropy(self):
        """-Σ p log p over the values, summed over the event."""
        log_p = ops.log_softmax(self.logits, -1)
        return self._sum_event(-(ops.exp(log_p) * _finite(log_p)).sum(axis=-1))

    @property
    def mean(self):
        """Σ k·p(k), the expectation of the integer."""
        return (self.probs * self._integers()).sum(axis=-1)

    @property
    def variance(self):
        """Σ (k - mean)²·p(k)."""
        mean = self.mean
        return (self.probs * ops.square(self._integers() - mean.reshape((*mean.shape, 1)))).sum(axis=-1)

    def _integers(self):
        return xp_of(self.logits).arange(self.levels, dtype=self.dtype)


def kl_categorical(p, q):
    """Σ p(k)·(log p(k) - log q(k)); inf where q excludes what p does not."""
    if p.levels != q.levels:
        raise ValueError(f"kl_divergence: expected the same number of values, got {p.levels} and {q.levels}")
    log_p, log_q = ops.log_softmax(p.logits, -1), ops.log_softmax(q.logits, -1)
    weight = ops.exp(log_p)
    never = raw(weight) == 0  # such values add nothing, though log p and maybe log q are -inf
    difference = ops.where(never, 0, log_p) - ops.where(never, 0, log_q)
    return p._sum_event((weight * difference).sum(axis=-1))


def _finite(log_p):
    """log p, and 0 where it is -inf: p log p is 0 there."""
    return ops.where(raw(log_p) == -math.inf, 0, log_p)
