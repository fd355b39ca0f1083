"""The Dirichlet distribution."""

import numpy as np

from .. import ops
from ..arrays import array_module, as_generator
from ..autograd import raw
from ..ops.incomplete import implicit_gamma
from .continuous import as_arrays, narrow, positive
from .distribution import Distribution
from .kl import register_kl
from .rejection import log_gamma_samples
from .shapes import as_float, outside, sample_shape, sum_last


class Dirichlet(Distribution):
    """Distribution over probability vectors x of K elements, `concentration` a of shape `(..., K)`.

    log p(x) = Σ_k (a_k - 1) log x_k + log Γ(Σ a_k) - Σ log Γ(a_k), as a density of the first K - 1 elements. Vectors
    with a negative element, or with a sum that differs from 1 by more than rounding, are outside the support.
    `event_ndim` is at least 1, for the vector. Raises ValueError for a concentration without elements, and for one that
    is not above 0.
    """

    def __init__(self, concentration, *, event_ndim: int = 1):
        self.concentration = positive("concentration", concentration)
        shape = getattr(self.concentration, "shape", ())
        if not shape or shape[-1] == 0:
            raise ValueError(f"concentration: expected shape (..., K) with K at least 1, got {shape}")
        self._set_shape(shape, event_ndim)
        if self.event_ndim == 0:
            raise ValueError("event_ndim: expected 1 or more, as a sample is a vector, got 0")
        self.dtype = self.concentration.dtype

    @property
    def levels(self) -> int:
        """K, the number of elements."""
        return self.event_shape[-1]

    def _wide(self):
        (a,) = as_arrays(np.float64, self.concentration)
        return a

    def _log_prob(self, x):
        x = as_float(x, self.dtype)
        dtype = np.result_type(x.dtype, self.dtype)
        tolerance = 10 * np.finfo(x.dtype).eps * self.levels**0.5
        (x,), a = as_arrays(np.float64, x), self._wide()
        values = raw(x)
        inside = (values >= 0).all(axis=-1) & (abs(values.sum(axis=-1) - 1) <= tolerance)
        missing = (values != values).any(axis=-1)
        x = ops.where(inside[..., None], x, 1)
        flat = (raw(x) == 0) & (raw(a) == 1)  # 0·log 0 is 0 here
        with np.errstate(divide="ignore", invalid="ignore"):
            by_element = ((a - 1) * ops.log(ops.where(flat, 1, x))).sum(axis=-1) + self._log_normaliser(a)
        beyond = outside(array_module(values).where(missing, np.nan, 0.0), dtype)
        return sum_last(narrow(ops.where(inside, by_element, beyond), dtype), self.event_ndim - 1)

    def _log_normaliser(self, a):
        return ops.lgamma(a.sum(axis=-1)) - ops.lgamma(a).sum(axis=-1)

    def _sample(self, shape, rng):
        return raw(self._transformed(shape, rng, lambda a, log_z: log_z))

    def rsample(self, n, rng):
        """Gamma samples over their sum, with their implicit derivatives (Figurnov et al., 2018, section 4)."""
        return self._transformed(sample_shape(n) + self.batch_shape + self.event_shape, rng, implicit_gamma)

    def _transformed(self, shape, rng, path):
        a = self._wide()
        x = ops.softmax(path(a, log_gamma_samples(raw(a), shape, as_generator(rng))), -1)
        return narrow(ops.clip(x, float(np.finfo(self.dtype).tiny)), self.dtype)

    def entropy(self):
        """Σ log Γ(a_k) - log Γ(A) + (A - K) ψ(A) - Σ (a_k - 1) ψ(a_k), with A = Σ a_k."""
        a = self._wide()
        total = a.sum(axis=-1)
        by_element = ((total - self.levels) * ops.digamma(total) - ((a - 1) * ops.digamma(a)).sum(axis=-1)
                - self._log_normaliser(a))
        return sum_last(narrow(by_element, self.dtype), self.event_ndim - 1)

    @property
    def mean(self):
        """a / A."""
        return self.concentration / self._total()

    @property
    def variance(self):
        """m (1 - m)/(A + 1) with m the mean."""
        mean = self.mean
        return mean * (1 - mean) / (self._total() + 1)

    def _total(self):
        return self.concentration.sum(axis=-1, keepdims=True)


@register_kl(Dirichlet, Dirichlet)
def kl_dirichlet(p, q):
    """log Γ(A_p) - Σ log Γ(a_pk) - log Γ(A_q) + Σ log Γ(a_qk) + Σ (a_pk - a_qk) (ψ(a_pk) - ψ(A_p))."""
    a, a_q = p._wide(), q._wide()
    rise = (a - a_q) * (ops.digamma(a) - ops.digamma(a.sum(axis=-1, keepdims=True)))
    by_element = p._log_normaliser(a) - q._log_normaliser(a_q) + rise.sum(axis=-1)
    return sum_last(narrow(by_element, np.result_type(p.dtype, q.dtype)), p.event_ndim - 1)
