"""The binomial distribution, from logits."""

import math

import numpy as np

from .. import ops
from ..arrays import array_module, as_generator, to_numpy
from ..autograd import raw, xp_of
from .counts import inverse, stirling_error, window
from .distribution import Distribution
from .shapes import common_shape, full, outside, parameter


class Binomial(Distribution):
    """The number of ones among `total_count` Bernoulli variables with p = sigmoid(logits): 0 … total_count.

    log p(x) = log C(n, x) + x log p + (n - x) log(1 - p), summed over the event, n = total_count. Computed as
    x (log p - log(x/n)) + (n - x)(log(1 - p) - log(1 - x/n)) + s(n) - s(x) - s(n - x), where s is the error of
    Stirling's formula for the logarithm of a factorial, so that no large terms cancel; infinite logits mean certainty.
    Samples are int64. `total_count` is an integer or an array of them that broadcasts with logits; it is data and not
    differentiated. Raises TypeError or ValueError for counts that are not integers of at least 0.
    """

    discrete = True

    def __init__(self, total_count, logits, *, event_ndim: int = 0):
        logits = parameter("logits", logits)
        self.logits = array_module().asarray(logits) if isinstance(logits, float) else logits
        counts = np.asarray(total_count) if not hasattr(total_count, "dtype") else raw(total_count)
        if counts.dtype.kind not in "iuf":
            raise TypeError(f"total_count: expected integers, got {total_count!r}")
        valid = (counts >= 0) & (counts == np.floor(counts)) & (counts < math.inf)
        if array_module(counts) is np and not valid.all():
            raise ValueError(f"total_count: expected integers of at least 0, got {total_count!r}")
        self.total_count = xp_of(self.logits).asarray(counts, "float64")
        self._set_shape(common_shape(total_count=self.total_count, logits=self.logits), event_ndim)
        self.dtype = self.logits.dtype

    @property
    def probs(self):
        """p of the Bernoulli variables."""
        return ops.sigmoid(self.logits)

    def _element_log_prob(self, x, n, logits):
        """log p of each element, for integers x from 0 to n, in float64."""
        xp = xp_of(logits)
        terms, constant = 0, stirling_error(n)
        for count, log_p in ((x, ops.log_sigmoid(logits)), (n - x, ops.log_sigmoid(-logits))):
            some = count > 0
            log_share = xp.log(xp.where(some, count, 1) / xp.where(some, n, 1))
            constant = constant - stirling_error(count)
            terms = terms + count.astype(self.dtype) * (ops.where(some, log_p, 0) - log_share.astype(self.dtype))
        return terms + constant.astype(self.dtype)

    def _log_prob(self, x):
        values = raw(x)
        xp = xp_of(self.logits)
        values = xp.asarray(values)
        inside = (values >= 0) & (values <= self.total_count) & (values == xp.floor(values))
        possible = xp.where(inside, values, 0).astype("float64")
        by_element = self._element_log_prob(possible, self.total_count, self.logits)
        return self._sum_event(ops.where(inside, by_element, outside(values, self.dtype)))

    def cdf(self, x):
        """p(X ≤ x) = I(n - ⌊x⌋, ⌊x⌋ + 1; 1 - p) of each element, I the regularised incomplete beta function."""
        xp = xp_of(self.logits)
        level = xp.floor(xp.asarray(raw(self._value(x)), "float64"))
        inside = (level >= 0) & (level < self.total_count)
        k = xp.where(inside, level, 0).astype(self.dtype)
        misses = xp.where(inside, self.total_count, 1).astype(self.dtype) - k
        with np.errstate(over="ignore"):  # in a series for tiny values, which is not used for large counts
            below = ops.beta_cdf(misses, k + 1, -self.logits)  # of 1 - p by its logit
        return ops.where(inside, below, xp.where(level == level, level >= 0, math.nan).astype(self.dtype))

    def icdf(self, p):
        """The smallest x with p(X ≤ x) ≥ p, of each element; NaN for p outside [0, 1]. No gradient."""
        return xp_of(self.logits).asarray(self._quantile(to_numpy(raw(self._value(p)))), self.dtype)

    def _quantile(self, p):
        from scipy.special import bdtr

        n = to_numpy(self.total_count)
        probability = to_numpy(raw(ops.sigmoid(raw(self.logits).astype("float64"))))
        return inverse(lambda x: bdtr(np.minimum(x, n), n.astype(np.int64), probability), p, 0, n)

    def _sample(self, shape, rng):
        # Inversion in float64, of u above 0 so that the smallest value is not certain where it is impossible.
        u = as_generator(rng).random(shape) + 2.0**-54
        return xp_of(self.logits).asarray(self._quantile(u)).astype("int64")

    def entropy(self):
        """-Σ p log p over the values that carry all but 1e-19 of the mass, summed over the event."""
        xp = xp_of(self.logits)
        n = to_numpy(self.total_count)
        p = to_numpy(raw(ops.sigmoid(raw(self.logits).astype("float64"))))
        x, valid = (xp.asarray(a) for a in window(n * p, n * p * (1 - p), n))
        logits = self.logits.reshape((*self.logits.shape, 1))
        log_p = self._element_log_prob(xp.where(valid, x, 0), self.total_count[..., None], logits)
        terms = ops.exp(log_p) * ops.where(raw(log_p) == -math.inf, 0, log_p)
        return self._sum_event(-ops.where(valid, terms, 0).sum(axis=-1))

    @property
    def mean(self):
        """n p."""
        return self._times_count(ops.sigmoid(self.logits))

    @property
    def variance(self):
        """n p (1 - p)."""
        return self._times_count(ops.sigmoid(self.logits) * ops.sigmoid(-self.logits))

    def _times_count(self, value):
        return full(self.total_count.astype(self.dtype) * value, self.batch_shape + self.event_shape, self.dtype)
