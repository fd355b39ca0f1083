"""Reads batch axes of any distribution as axes of the event."""

from ..arrays.checks import integer
from .distribution import Distribution
from .kl import kl_divergence, register_kl
from .shapes import sum_last


class Independent(Distribution):
    """`base` with the last `event_ndim` axes of its batch moved into the event; they stay independent.

    log p(x) = Σ log p_base(x) over those axes; the event's shape is `base.batch_shape[-event_ndim:] +
    base.event_shape`. Raises TypeError or ValueError for an `event_ndim` that base's batch does not have.
    """

    def __init__(self, base: Distribution, event_ndim: int):
        if not isinstance(base, Distribution):
            raise TypeError(f"base: expected a Distribution, got {type(base).__name__}")
        event_ndim = integer("event_ndim", event_ndim)
        if not 0 <= event_ndim <= len(base.batch_shape):
            raise ValueError(f"event_ndim: expected 0 … {len(base.batch_shape)}, as base has batch_shape "
                             f"{base.batch_shape}, got {event_ndim}")
        self.base, self.reinterpreted, self.dtype = base, event_ndim, base.dtype
        self.discrete = base.discrete
        self._set_shape(base.batch_shape + base.event_shape, event_ndim + base.event_ndim)

    def _log_prob(self, x):
        return sum_last(self.base.log_prob(x), self.reinterpreted)

    def _sample(self, shape, rng):
        return self.base._sample(shape, rng)

    def rsample(self, n, rng):
        """Samples of base, differentiable if base's are."""
        return self.base.rsample(n, rng)

    def entropy(self):
        """Σ of base's entropies over the axes."""
        return sum_last(self.base.entropy(), self.reinterpreted)

    def cdf(self, x):
        """p(X ≤ x) of each element, as base gives it."""
        return self.base.cdf(x)

    def icdf(self, p):
        """The p-quantile of each element, as base gives it."""
        return self.base.icdf(p)

    @property
    def mean(self):
        """Expectation of each element."""
        return self.base.mean

    @property
    def variance(self):
        """Variance of each element."""
        return self.base.variance


@register_kl(Independent, Independent)
def kl_independent(p, q):
    """Σ of the bases' divergences over the axes that both move into the event."""
    if p.reinterpreted != q.reinterpreted:
        raise NotImplementedError(f"kl_divergence: no closed form for Independent over {p.reinterpreted} and over "
                                  f"{q.reinterpreted} axes")
    return sum_last(kl_divergence(p.base, q.base), p.reinterpreted)
