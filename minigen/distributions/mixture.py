"""Mixtures of any distribution."""

import math

import numpy as np

from .. import ops
from ..arrays import array_module, as_generator, to_numpy
from ..autograd import raw
from .categorical import Categorical
from .distribution import Distribution
from .shapes import parameter

BLOCK = 2**22  # at most so many random numbers at once


class Mixture(Distribution):
    """p(x) = Σ_k w_k p_k(x): `components` is one Distribution whose last batch axis is k, and w = softmax(`logits`).

    `logits` has shape `(..., K)`; its other axes broadcast with components' other batch axes to `batch_shape`. A logit
    of -inf excludes its component. The mixture is over whole events: their elements are dependent, even if they are
    independent given k. The entropy has no closed form, and there is no `rsample`. Raises TypeError or ValueError if
    components is not a Distribution, or if there are not as many components as logits.
    """

    def __init__(self, logits, components: Distribution):
        logits = parameter("logits", logits)
        if not isinstance(components, Distribution):
            raise TypeError(f"components: expected a Distribution, got {type(components).__name__}")
        shape, batch = getattr(logits, "shape", ()), components.batch_shape
        if not shape or not batch or shape[-1] != batch[-1] or shape[-1] == 0:
            raise ValueError("logits: expected shape (..., K) with K, at least 1, the last axis of components' "
                             f"batch_shape {batch}, got {shape}")
        try:
            batch_shape = np.broadcast_shapes(shape[:-1], batch[:-1])
        except ValueError:
            raise ValueError(f"logits: expected a shape that broadcasts with components' batch_shape {batch}, got "
                             f"{shape}") from None
        self.logits, self.components = logits, components
        self._set_shape(batch_shape + components.event_shape, components.event_ndim)
        self.dtype, self.discrete = np.result_type(logits.dtype, components.dtype), components.discrete

    @property
    def n_components(self) -> int:
        """K."""
        return self.logits.shape[-1]

    @property
    def weights(self):
        """w, on the last axis."""
        return ops.softmax(self.logits, -1)

    def _joint(self, x):
        """log w_k + log p_k(x), shape `(..., K)`."""
        return ops.log_softmax(self.logits, -1) + self.components.log_prob(self._beside_components(x))

    def _beside_components(self, x):
        """x with an axis of length 1 for k before its event."""
        if not hasattr(x, "shape"):
            return x
        cut = len(x.shape) - self.event_ndim
        return x.reshape((*x.shape[:cut], 1, *x.shape[cut:]))

    def _log_prob(self, x):
        return ops.logsumexp(self._joint(x), -1)

    def responsibilities(self, x):
        """p(k | x) = w_k p_k(x) / p(x), shape `(..., K)`; NaN where p(x) is 0."""
        return ops.softmax(self._joint(self._value(x)), -1)

    def cdf(self, x):
        """Σ_k w_k p_k(X ≤ x) of each element, if the components have a `cdf`."""
        x = self._beside_components(self._value(x))
        return self._average(self.components.cdf(x))

    @property
    def mean(self):
        """Σ_k w_k mean_k."""
        return self._full(self._average(self.components.mean))

    @property
    def variance(self):
        """Σ_k w_k (variance_k + (mean_k - mean)²), the law of total variance."""
        means = self.components.mean
        spread = means - self._beside_components(self._average(means))
        return self._full(self._average(self.components.variance + ops.square(spread)))

    def _average(self, values):
        """Σ_k w_k values_k of each element of the event."""
        weights = self.weights.reshape((*self.logits.shape, *(1,) * self.event_ndim))
        return (weights * values).sum(axis=-1 - self.event_ndim)

    def _full(self, value):
        return ops.broadcast_to(value, self.batch_shape + self.event_shape)

    def _sample(self, shape, rng):
        # Every component is sampled as often as the most frequent one needs, and no sample is used twice.
        rng, k, batch = as_generator(rng), self.n_components, self.components.batch_shape
        chosen = to_numpy(Categorical(raw(self.logits))._sample(shape[: len(shape) - self.event_ndim], rng))
        group = np.arange(math.prod(batch[:-1])).reshape(batch[:-1]) * k + chosen  # batch element and component
        group = group.reshape(-1)
        counts = np.bincount(group, minlength=math.prod(batch))
        order = np.argsort(group, kind="stable")
        rank = np.empty_like(order)  # how many samples before this one are of its group
        rank[order] = np.arange(len(group)) - (np.cumsum(counts) - counts)[group[order]]
        needed = int(counts.max(initial=0))
        step = max(1, BLOCK // max(1, math.prod(batch + self.event_shape)))
        result = None
        for start in range(0, max(needed, 1), step):
            samples = self.components.sample(min(step, max(needed, 1) - start), rng)
            samples = samples.reshape((len(samples), math.prod(batch), *self.event_shape))
            xp = array_module(samples)
            result = xp.empty((len(group), *self.event_shape), samples.dtype) if result is None else result
            now = np.flatnonzero((rank >= start) & (rank < start + step))
            result[xp.asarray(now)] = samples[xp.asarray(rank[now] - start), xp.asarray(group[now])]
        return result.reshape(shape)
