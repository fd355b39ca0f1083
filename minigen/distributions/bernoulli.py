"""The Bernoulli distribution, from logits."""

import math

import numpy as np

from .. import ops
from ..arrays import array_module, as_generator
from ..autograd import raw, xp_of
from .distribution import Distribution
from .shapes import as_float, outside, parameter


class Bernoulli(Distribution):
    """Values 0 and 1, with p(x = 1) = sigmoid(logits); infinite logits mean certainty.

    log p(x) = Σ x·logits - log(1 + exp(logits)) over the event. Samples have the logits' dtype.
    """

    discrete = True

    def __init__(self, logits, *, event_ndim: int = 0):
        logits = parameter("logits", logits)
        self.logits = array_module().asarray(logits) if isinstance(logits, float) else logits
        self._set_shape(self.logits.shape, event_ndim)
        self.dtype = self.logits.dtype

    @property
    def probs(self):
        """p(x = 1)."""
        return ops.sigmoid(self.logits)

    def _log_prob(self, x):
        if len(self.event_shape) > 1:  # the fused op sums over one axis, so an event of several axes becomes one row
            flat = Bernoulli(self.logits.reshape(*self.batch_shape, -1), event_ndim=1)
            return flat._log_prob(x.reshape(*x.shape[: x.ndim - len(self.event_shape)], -1))
        x = as_float(x, self.dtype)
        values = raw(x)
        inside = (values == 0) | (values == 1)
        xp = xp_of(values, self.logits)
        if xp is not np:  # without reading values, which would wait for the GPU
            penalty = ops.where(xp.asarray(inside), 0, outside(x, self.dtype))
            bits = ops.where(xp.asarray(inside), x, 0).astype(self.dtype)
            if not self.event_shape:
                return ops.log_sigmoid((2 * bits - 1) * self.logits) + penalty
            return ops.bernoulli_log_prob(bits, self.logits) + self._sum_event(penalty)
        if inside is True or (inside is not False and inside.all()):
            if not self.event_shape or isinstance(values, int | float):
                return self._sum_event(ops.log_sigmoid((2 * x - 1) * self.logits))
            with np.errstate(invalid="ignore"):
                result = ops.bernoulli_log_prob(x, self.logits)
            if not _any_nan(result):
                return result
        # values outside the support, or infinite logits, where 0·inf has made NaN
        inside = xp.asarray(inside)
        by_element = ops.log_sigmoid((2 * ops.where(inside, x, 0) - 1) * self.logits)
        return self._sum_event(ops.where(inside, by_element, outside(x, self.dtype)))

    def _sample(self, shape, rng):
        return as_generator(rng).bernoulli(ops.sigmoid(raw(self.logits)), shape, self.dtype)

    def cdf(self, x):
        """p(X ≤ x) of each element: 0 below 0, p(0) below 1, and 1 from there on."""
        x = raw(self._value(x))
        xp = xp_of(x, self.logits)
        x = xp.asarray(x)
        outside_values = xp.where(x == x, x >= 1, math.nan).astype(self.dtype)
        return ops.where((x >= 0) & (x < 1), ops.sigmoid(-self.logits), outside_values)

    def icdf(self, p):
        """The smallest x with p(X ≤ x) ≥ p, of each element; NaN for p outside [0, 1]. No gradient."""
        p, never = raw(self._value(p)), ops.sigmoid(-raw(self.logits))
        xp = array_module(p, never)
        return xp.where(xp.asarray((p >= 0) & (p <= 1)), p > never, math.nan).astype(self.dtype)

    def entropy(self):
        """Σ log(1 + exp(-|l|)) + |l|·sigmoid(-|l|) over the event."""
        return self._sum_event(_cross_entropy(self.logits, self.logits))

    @property
    def mean(self):
        """p(x = 1)."""
        return ops.sigmoid(self.logits)

    @property
    def variance(self):
        """p·(1 - p)."""
        return ops.sigmoid(self.logits) * ops.sigmoid(-self.logits)


def kl_bernoulli(p, q):
    """Σ over both values of p·(log p - log q)."""
    return p._sum_event(_cross_entropy(p.logits, q.logits) - _cross_entropy(p.logits, p.logits))


def _cross_entropy(a, b):
    """-E log q(x) for p(x = 1) = sigmoid(a), q(x = 1) = sigmoid(b): log(1 + exp(-|b|)) + |b|·p(q's rarer value).

    All terms are positive, so nothing cancels in the tails.
    """
    values = raw(b)
    # |b| as b times a constant sign: either sign gives the same smooth function of b, also at 0
    sign = array_module(values).where(values > 0, 1, -1).astype(values.dtype)
    size, weight = b * sign, ops.sigmoid(-(a * sign))
    never = raw(weight) == 0
    cost = ops.where(never, 0, size) if array_module(values) is not np or never.any() else size  # 0·inf is 0 here
    return ops.softplus(-size) + weight * cost


def _any_nan(x):
    x = raw(x)
    return (x != x).any()
