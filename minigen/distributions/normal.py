"""The normal distribution with independent elements."""


from .. import ops
from ..arrays import array_module, as_generator
from ..arrays.constants import LOG_2PI
from ..autograd import raw
from .continuous import positive
from .distribution import Distribution
from .shapes import apply, as_float, common_dtype, common_shape, full, parameter, sample_shape, sum_last


class Normal(Distribution):
    """Normal distribution with mean `loc` and standard deviation `scale`, or exp(`log_scale`) in place of `scale`.

    log p(x) = -½ Σ ((x - loc)/scale)² + 2 log scale + log 2π over the event. A `log_scale` enters the density as it
    is and by exp(-log_scale), so that no logarithm is taken of a scale that was rounded, maybe to 0. Raises ValueError
    for a scale that is not above 0. NaN passes, since `detect_anomaly` says where it was made, and values on a GPU are
    not checked, since reading them would wait for it.
    """

    def __init__(self, loc, scale=None, *, log_scale=None, event_ndim: int = 0):
        if (scale is None) == (log_scale is None):
            raise TypeError("Normal: expected exactly one of scale and log_scale")
        self.loc = parameter("loc", loc)
        self._scale = None if scale is None else positive("scale", scale)
        self._log_scale = None if log_scale is None else parameter("log_scale", log_scale)
        spread = self._log_scale if scale is None else self._scale
        self._set_shape(common_shape(loc=self.loc, scale=spread), event_ndim)
        self.dtype = common_dtype(self.loc, spread)

    @property
    def scale(self):
        """The standard deviation, in the shape in which it was given."""
        return apply(ops.exp, self._log_scale) if self._scale is None else self._scale

    @property
    def log_scale(self):
        """The logarithm of the standard deviation, in the shape in which it was given."""
        return apply(ops.log, self._scale) if self._log_scale is None else self._log_scale

    def standardize(self, x):
        """(x - loc) / scale."""
        if self._scale is None:
            return (x - self.loc) * apply(ops.exp, -self._log_scale)
        return (x - self.loc) / self._scale

    def _log_prob(self, x):
        x = as_float(x, self.dtype)
        if self.event_shape and hasattr(self._log_scale, "dtype") and hasattr(self.loc, "dtype"):
            return sum_last(ops.normal_log_prob(x, self.loc, self._log_scale), len(self.event_shape) - 1)
        z = self.standardize(x)
        return -0.5 * self._sum_event(ops.square(z) + (2 * self.log_scale + LOG_2PI))

    def _sample(self, shape, rng):
        return self._noise(shape, rng) * raw(self.scale) + raw(self.loc)

    def rsample(self, n, rng):
        """loc + scale·e with e standard normal (Kingma and Welling, 2014, section 2.4)."""
        noise = self._noise(sample_shape(n) + self.batch_shape + self.event_shape, rng)
        if hasattr(self._log_scale, "dtype"):
            return ops.reparameterize(self.loc, self._log_scale, noise)
        return self.loc + self.scale * noise

    def _noise(self, shape, rng):
        xp = array_module(raw(self.loc), raw(self._scale), raw(self._log_scale))
        return as_generator(rng).standard_normal(shape, self.dtype, xp)

    def cdf(self, x):
        """Φ((x - loc)/scale) of each element, Φ the standard normal distribution function."""
        return apply(ops.ndtr, self.standardize(as_float(self._elements("cdf x", x), self.dtype)))

    def icdf(self, p):
        """loc + scale·Φ⁻¹(p) of each element; NaN for p outside [0, 1]."""
        return self.loc + self.scale * apply(ops.ndtri, as_float(self._elements("icdf p", p), self.dtype))

    def entropy(self):
        """Σ log scale + ½ (1 + log 2π) over the event."""
        by_element = self.log_scale + 0.5 * (1 + LOG_2PI)
        return self._sum_event(full(by_element, self.batch_shape + self.event_shape, self.dtype))

    @property
    def mean(self):
        """loc."""
        return full(self.loc, self.batch_shape + self.event_shape, self.dtype)

    @property
    def variance(self):
        """scale²."""
        return full(apply(ops.square, self.scale), self.batch_shape + self.event_shape, self.dtype)

    @property
    def stddev(self):
        """scale."""
        return full(self.scale, self.batch_shape + self.event_shape, self.dtype)
