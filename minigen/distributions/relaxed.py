"""Continuous relaxations of one-hot and binary variables, whose samples are differentiable.

The Concrete or Gumbel-softmax distribution (Maddison et al., 2017; Jang et al., 2017): as the temperature falls to 0
its samples approach those of `OneHot(logits)` and `Bernoulli(logits)`. Both have two forms: one for values on the
simplex (or in (0, 1)), and one for their logarithms (or logits), which low temperatures do not round to 0 and 1.
"""

import math

import numpy as np

from .. import ops
from ..arrays import array_module, as_generator
from ..autograd import raw, xp_of
from .continuous import positive
from .distribution import Distribution
from .shapes import apply, as_float, common_dtype, common_shape, full, outside, parameter, sample_shape

EULER_GAMMA = 0.5772156649015329


class LogitRelaxedBernoulli(Distribution):
    """The logit y of a relaxed binary variable: logistic of location logits/temperature and scale 1/temperature.

    log p(y) = log λ + log σ(t) + log σ(-t), t = logits - λ y, λ the temperature, summed over the event (Maddison et
    al., appendix B). Raises ValueError for a temperature that is not above 0.
    """

    def __init__(self, temperature, logits, *, event_ndim: int = 0):
        self.temperature, self.logits = positive("temperature", temperature), parameter("logits", logits)
        self._set_shape(common_shape(temperature=self.temperature, logits=self.logits), event_ndim)
        self.dtype = common_dtype(self.temperature, self.logits)

    def _element_log_prob(self, y):
        t = self.logits - self.temperature * y
        return ops.log_sigmoid(t) + ops.log_sigmoid(-t) + apply(ops.log, self.temperature)

    def _log_prob(self, y):
        return self._sum_event(self._element_log_prob(_array(y, self.dtype)))

    def _sample(self, shape, rng):
        return self._path(raw(self.temperature), raw(self.logits), rng, shape)

    def rsample(self, n, rng):
        """(logits + log u - log(1 - u))/λ with u uniform."""
        return self._path(self.temperature, self.logits, rng, sample_shape(n) + self.batch_shape + self.event_shape)

    def _path(self, temperature, logits, rng, shape):
        xp = xp_of(logits, temperature)
        # u = exp(-e) for an exponential number e, which is never 0 or 1
        logistic = -xp.log(xp.expm1(as_generator(rng).exponential(shape, self.dtype, xp)))
        return (logits + logistic) / temperature

    def cdf(self, y):
        """σ(λ y - logits) of each element."""
        return ops.sigmoid(self.temperature * _array(self._value(y), self.dtype) - self.logits)

    def icdf(self, p):
        """(logits + log p - log(1 - p))/λ of each element; NaN for p outside [0, 1]."""
        p = _array(self._value(p), self.dtype)
        with np.errstate(divide="ignore", invalid="ignore"):
            return (ops.log(p) - ops.log1p(-p) + self.logits) / self.temperature

    def entropy(self):
        """Σ 2 - log λ over the event."""
        by_element = 2 - apply(ops.log, self.temperature)
        return self._sum_event(full(by_element, self.batch_shape + self.event_shape, self.dtype))

    @property
    def mean(self):
        """logits/λ."""
        return full(self.logits / self.temperature, self.batch_shape + self.event_shape, self.dtype)

    @property
    def variance(self):
        """π²/(3λ²)."""
        by_element = (math.pi**2 / 3) / (self.temperature * self.temperature)
        return full(by_element, self.batch_shape + self.event_shape, self.dtype)


class RelaxedBernoulli(Distribution):
    """Values x in (0, 1), near 0 and 1 at low temperature, with p(x > ½) = sigmoid(logits) at any: x = σ(y).

    log p(x) = log p(y) - log x - log(1 - x) with y = log x - log(1 - x) distributed as `LogitRelaxedBernoulli`
    (Maddison et al., appendix B), summed over the event. 0 and 1 themselves are outside the support. Raises ValueError
    for a temperature that is not above 0.
    """

    def __init__(self, temperature, logits, *, event_ndim: int = 0):
        self.logit = LogitRelaxedBernoulli(temperature, logits, event_ndim=event_ndim)
        self.temperature, self.logits, self.dtype = self.logit.temperature, self.logit.logits, self.logit.dtype
        self._set_shape(self.logit.batch_shape + self.logit.event_shape, event_ndim)

    def _log_prob(self, x):
        x = _array(x, self.dtype)
        inside = (raw(x) > 0) & (raw(x) < 1)
        safe = ops.where(inside, x, 0.5)
        log_x, log_rest = ops.log(safe), ops.log1p(-safe)
        by_element = self.logit._element_log_prob(log_x - log_rest) - log_x - log_rest
        return self._sum_event(ops.where(inside, by_element, outside(x, self.dtype)))

    def _sample(self, shape, rng):
        return ops.sigmoid(self.logit._sample(shape, rng))

    def rsample(self, n, rng):
        """σ of the logit's samples."""
        return ops.sigmoid(self.logit.rsample(n, rng))

    def cdf(self, x):
        """σ(λ (log x - log(1 - x)) - logits) of each element."""
        x = _array(self._value(x), self.dtype)
        low, high = raw(x) <= 0, raw(x) >= 1
        safe = ops.where(low | high, 0.5, x)
        inside = self.logit.cdf(ops.log(safe) - ops.log1p(-safe))
        return ops.where(low, 0, ops.where(high, 1, inside))

    def icdf(self, p):
        """σ of the logit's quantile."""
        return ops.sigmoid(self.logit.icdf(p))


class ExpRelaxedOneHot(Distribution):
    """The logarithm y of a relaxed one-hot vector of K elements: Σ exp(y) = 1.

        log p(y) = log (K-1)! + (K-1) log λ + Σ_k log softmax(logits - λ y)_k,   λ the temperature

    (Maddison et al., appendix C.3), a density over the K-1 differences y_k - y_K. `logits` has shape `(..., K)`, its
    last axis is the event; `temperature` broadcasts to the batch. Values with Σ exp(y) other than 1 (to the square
    root of the precision) are outside the support. Raises ValueError for a temperature that is not above 0, and for
    infinite logits.
    """

    def __init__(self, temperature, logits):
        self.temperature, self.logits = positive("temperature", temperature), parameter("logits", logits)
        shape = getattr(self.logits, "shape", ())
        if not shape or shape[-1] == 0:
            raise ValueError(f"logits: expected shape (..., K) with K at least 1, got {shape}")
        if xp_of(self.logits) is np and np.isinf(raw(self.logits)).any():
            raise ValueError("logits: expected finite numbers, got an infinite one")
        try:
            batch = np.broadcast_shapes(getattr(self.temperature, "shape", ()), shape[:-1])
        except ValueError:
            raise ValueError(f"temperature: expected a shape that broadcasts with the batch {shape[:-1]} of logits, "
                             f"got {self.temperature.shape}") from None
        self._set_shape((*batch, shape[-1]), 1)
        self.dtype = common_dtype(self.temperature, self.logits)

    def _beside(self, temperature):
        """The temperature with an axis for the event."""
        return temperature.reshape((*temperature.shape, 1)) if hasattr(temperature, "shape") else temperature

    def _density(self, y):
        """log p(y) of finite y."""
        k = self.event_shape[0]
        terms = ops.log_softmax(self.logits - self._beside(self.temperature) * y, -1)
        return terms.sum(axis=-1) + (k - 1) * apply(ops.log, self.temperature) + math.lgamma(k)

    def _log_prob(self, y):
        y = _array(y, self.dtype)
        values = raw(y)
        xp = array_module(values)
        finite = xp.isfinite(values)
        total = xp.exp(xp.where(finite, values, 0)).sum(axis=-1)
        inside = finite.all(axis=-1) & (abs(total - 1) < np.finfo(self.dtype).eps ** 0.5)
        density = self._density(ops.where(finite, y, 0))
        return ops.where(inside, density, outside(xp.where(xp.isnan(values).any(axis=-1), math.nan, 0.0), self.dtype))

    def _sample(self, shape, rng):
        return self._path(raw(self.temperature), raw(self.logits), rng, shape)

    def rsample(self, n, rng):
        """log softmax((logits + g)/λ) with Gumbel noise g (Jang et al., equation 2)."""
        return self._path(self.temperature, self.logits, rng, sample_shape(n) + self.batch_shape + self.event_shape)

    def _path(self, temperature, logits, rng, shape):
        noise = as_generator(rng).gumbel(shape, self.dtype, xp_of(logits))
        return ops.log_softmax((logits + noise) / self._beside(temperature), -1)

    def entropy(self):
        """K (γ + ψ(K)) - log (K-1)! - (K-1) log λ, whatever the logits; γ is Euler's constant.

        -log p(y) depends on the noise by Σ g_k + K log Σ exp(-g_k). The exp(-g_k) are exponential numbers, and the sum
        of K of them has a Gamma(K, 1) distribution.
        """
        k = self.event_shape[0]
        psi = sum(1 / i for i in range(1, k)) - EULER_GAMMA
        by_element = k * (EULER_GAMMA + psi) - math.lgamma(k) - (k - 1) * apply(ops.log, self.temperature)
        return full(by_element, self.batch_shape, self.dtype)


class RelaxedOneHot(Distribution):
    """Vectors x of K positive elements that sum to 1, near one-hot at low temperature: x = exp(y).

        log p(x) = log p(y) - Σ log x_k,   y = log x distributed as `ExpRelaxedOneHot`

    a density over the first K-1 elements (Maddison et al., definition 1). The largest element is the k-th with
    probability softmax(logits)_k at any temperature. Vectors with a 0, or another sum than 1 (to the square root of the
    precision), are outside the support. Arguments and errors as for `ExpRelaxedOneHot`.
    """

    def __init__(self, temperature, logits):
        self.log = ExpRelaxedOneHot(temperature, logits)
        self.temperature, self.logits, self.dtype = self.log.temperature, self.log.logits, self.log.dtype
        self._set_shape(self.log.batch_shape + self.log.event_shape, 1)

    def _log_prob(self, x):
        x = _array(x, self.dtype)
        positive = raw(x) > 0
        y = ops.log(ops.where(positive, x, 1))
        log_p = self.log._log_prob(ops.where(positive, y, outside(x, self.dtype)))
        return log_p - y.sum(axis=-1)

    def _sample(self, shape, rng):
        return ops.exp(self.log._sample(shape, rng))

    def rsample(self, n, rng):
        """softmax((logits + g)/λ) with Gumbel noise g."""
        return ops.exp(self.log.rsample(n, rng))


def _array(x, dtype):
    """x as an array or Tensor of floating numbers; a Python number takes `dtype`."""
    return as_float(x, dtype) if hasattr(x, "dtype") else np.asarray(x, dtype)
