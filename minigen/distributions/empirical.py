"""The distribution of data: finitely many values with weights."""

import math

import numpy as np

from .. import ops
from ..arrays import as_generator, to_numpy
from ..arrays.categories import categories
from ..autograd import raw
from .distribution import Distribution
from .kl import register_kl
from .shapes import full, outside, parameter


class Empirical(Distribution):
    """p(x) = Σ_i w_i [x = values_i], a discrete distribution over n values of any shape, on the first axis.

    `weights` of shape (n,), by default equal, are numbers of at least 0 and are divided by their sum. A Tensor of
    weights is differentiable. The weights of equal values add up. `batch_shape` is (), `event_shape` that of a value;
    samples have the values' dtype. Raises TypeError or ValueError for values that are empty or NaN and for weights that
    do not fit.
    """

    discrete = True

    def __init__(self, values, weights=None):
        self.values = to_numpy(raw(values)) if hasattr(values, "dtype") else np.asarray(values)
        if self.values.dtype.kind not in "biuf":
            raise TypeError(f"values: expected real numbers, got {self.values.dtype}")
        if self.values.ndim == 0 or len(self.values) == 0:
            raise ValueError(f"values: expected at least one on the first axis, got shape {self.values.shape}")
        if np.isnan(self.values).any():
            raise ValueError("values: expected numbers, got NaN")
        n = len(self.values)
        floating = self.values.dtype if self.values.dtype.char in "fd" else np.dtype(np.float64)
        weights = np.full(n, 1 / n, floating) if weights is None else parameter("weights", weights)
        low = raw(weights)
        if getattr(low, "shape", ()) != (n,):
            raise ValueError(f"weights: expected shape ({n},), one for each value, got {getattr(low, 'shape', ())}")
        if not (low >= 0).all() or not 0 < low.sum() < math.inf:
            raise ValueError("weights: expected finite numbers of at least 0, not all 0, got "
                             f"{low.min()} to {low.max()}")
        self.weights = weights / weights.sum()
        self.dtype = np.result_type(weights.dtype, floating)
        self._set_shape(self.values.shape[1:], self.values.ndim - 1)

    def _atoms(self, x):
        """The probabilities of the distinct rows among values and x, and which of them each row of x has."""
        n, width = len(self.values), math.prod(self.event_shape)
        rows = np.concatenate([self.values.reshape(n, width), np.reshape(x, (-1, width))]) + 0  # -0.0 becomes 0.0
        rows = rows.view(np.dtype((np.void, rows.itemsize * width))).reshape(-1)  # compared byte by byte
        _, index = np.unique(rows, return_inverse=True)
        mass = ops.scatter(self.weights, index[:n], (int(index.max()) + 1,))
        return mass, index[n:]

    def _log_prob(self, x):
        x = np.asarray(to_numpy(raw(x)))
        leading = x.shape[: x.ndim - self.event_ndim]
        mass, index = self._atoms(x)
        by_element = mass[index.reshape(leading)]
        never = raw(by_element) == 0
        missing = np.isnan(x).any(axis=tuple(range(len(leading), x.ndim)))
        nothing = outside(np.where(missing, math.nan, 0.0), self.dtype)
        return ops.where(never, nothing, ops.log(ops.where(never, 1, by_element)))

    def _sample(self, shape, rng):
        count = math.prod(shape[: len(shape) - self.event_ndim])
        return self.values[categories(raw(self.weights), count, as_generator(rng))].reshape(shape)

    def entropy(self):
        """-Σ p log p over the distinct values."""
        mass, _ = self._atoms(self.values[:0])
        return -(mass * ops.log(ops.where(raw(mass) == 0, 1, mass))).sum()

    def cdf(self, x):
        """The sum of the weights of values up to x, for values that are single numbers."""
        order, running = self._ascending()
        x = np.asarray(to_numpy(raw(self._value(x))))
        count = self.values[order].searchsorted(x, side="right")  # how many values are up to x
        below = ops.concatenate([np.zeros(1, self.dtype), running])[count]
        return ops.where(np.isnan(x), math.nan, below)

    def icdf(self, p):
        """The smallest value x with p(X ≤ x) ≥ p, for values that are single numbers; NaN for p outside [0, 1]."""
        order, running = self._ascending()
        p = np.asarray(to_numpy(raw(self._value(p))))
        order = order[raw(self.weights)[order] > 0]
        index = np.minimum(np.cumsum(raw(self.weights)[order]).searchsorted(p), len(order) - 1)
        return np.where((p >= 0) & (p <= 1), self.values[order][index], math.nan).astype(self.dtype)

    def _ascending(self):
        """The order of the values, and the running sum of their weights."""
        if self.event_shape:
            raise NotImplementedError("Empirical has a distribution function for single numbers only, and its values "
                                      f"have shape {self.event_shape}")
        order = np.argsort(self.values, kind="stable")
        return order, ops.cumsum(self.weights[order], 0)

    @property
    def mean(self):
        """Σ w_i values_i."""
        return self._average(self.values.astype(self.dtype))

    @property
    def variance(self):
        """Σ w_i (values_i - mean)²."""
        return self._average(ops.square(self.values.astype(self.dtype) - self.mean))

    def _average(self, by_element):
        return (self.weights.reshape((-1, *(1,) * self.event_ndim)) * by_element).sum(axis=0)

    def cross_entropy(self, q):
        """-Σ w_i log q(values_i): the average negative log-likelihood of the data under any q, in nats."""
        return -self._expected_log(q)

    def _expected_log(self, q):
        values = self.values.reshape((len(self.values), *(1,) * len(q.batch_shape), *self.event_shape))
        log_q = q.log_prob(values)
        used = (raw(self.weights) > 0).reshape((-1, *(1,) * len(q.batch_shape)))
        weights = self.weights.reshape(used.shape)
        return (weights * ops.where(used, log_q, 0)).sum(axis=0)


@register_kl(Empirical, Distribution)
def kl_empirical(p, q):
    """Σ p(x) (log p(x) - log q(x)) over p's values; inf where q(x) = 0, and for any q with a density."""
    if not q.discrete:
        return full(math.inf, q.batch_shape, q.dtype)
    return p.cross_entropy(q) - p.entropy()
