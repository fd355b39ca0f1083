"""The base class of distributions, laid out as in torch.distributions."""

from __future__ import annotations

import numpy as np

from .. import ops
from ..arrays.checks import integer
from .shapes import sample_shape, sum_last


class Distribution:
    """A batch of independent distributions over events.

    Parameters are Tensors, arrays or numbers; their shapes broadcast to `batch_shape + event_shape`. The last
    `event_ndim` axes are one event, whose elements are independent: log_prob, entropy and divergences are summed over
    them and have shape `batch_shape` (log_prob: with sample axes before). If parameters or values are Tensors, so are
    results, and they are differentiable; plain arrays give plain arrays.

    A subclass calls `_set_shape` and defines `_log_prob(x)` for values of a fitting shape, `_sample(shape, rng)` for a
    whole shape and, if samples are differentiable functions of the parameters, `rsample(n, rng)`.
    """

    batch_shape: tuple[int, ...]
    event_shape: tuple[int, ...]
    discrete = False  # whether p(x) is a probability, which sums to 1 over countably many values, or else a density

    def log_prob(self, x):
        """log p(x) in nats for x of shape `(..., *batch_shape, *event_shape)`; x may broadcast, except over the event.

        It is -inf for values outside the support and NaN for NaN. Raises ValueError for shapes that do not fit.
        """
        return self._log_prob(self._value(x))

    def sample(self, n, rng) -> np.ndarray:
        """Independent samples as an array of shape `(*n, *batch_shape, *event_shape)`, without a gradient.

        `n` is an integer or a shape; `()` is one sample. `rng` is a generator or an integer seed. Raises TypeError or
        ValueError for others, so also where the two are swapped and one is a generator.
        """
        samples = self._sample(sample_shape(n) + self.batch_shape + self.event_shape, rng)
        return np.asarray(samples) if isinstance(samples, np.generic) else samples

    def rsample(self, n, rng):
        """Samples as `sample`, differentiable with respect to the parameters (the reparameterisation trick)."""
        raise NotImplementedError(f"{type(self).__name__} has no reparameterised sample: its values do not depend "
                                  "smoothly on its parameters")

    def entropy(self):
        """Entropy in nats, for continuous distributions the differential entropy, of shape `batch_shape`."""
        raise NotImplementedError(f"{type(self).__name__} has no entropy in closed form")

    @property
    def mean(self):
        """Expectation of each element, shape `batch_shape + event_shape`."""
        raise NotImplementedError(f"{type(self).__name__} has no mean in closed form")

    @property
    def variance(self):
        """Variance of each element, shape `batch_shape + event_shape`."""
        raise NotImplementedError(f"{type(self).__name__} has no variance in closed form")

    def cdf(self, x):
        """P(X ≤ x) of each element, for x that broadcasts with `batch_shape + event_shape`; NaN for NaN."""
        raise NotImplementedError(f"{type(self).__name__} has no distribution function in closed form")

    def icdf(self, p):
        """The x with P(X ≤ x) = p of each element, for p that broadcasts with `batch_shape + event_shape`.

        It is the ends of the support for p = 0 and 1, and NaN for p outside [0, 1].
        """
        raise NotImplementedError(f"{type(self).__name__} has no quantile function in closed form")

    @property
    def stddev(self):
        """Standard deviation of each element, shape `batch_shape + event_shape`."""
        return ops.sqrt(self.variance)

    @property
    def event_ndim(self) -> int:
        """How many trailing axes are one event."""
        return len(self.event_shape)

    def __repr__(self):
        return f"{type(self).__name__}(batch_shape={self.batch_shape}, event_shape={self.event_shape})"

    def _set_shape(self, shape, event_ndim):
        event_ndim = integer("event_ndim", event_ndim)
        if not 0 <= event_ndim <= len(shape):
            raise ValueError(f"event_ndim: expected 0 … {len(shape)}, as parameters have shape {shape}, "
                             f"got {event_ndim}")
        cut = len(shape) - event_ndim
        self.batch_shape, self.event_shape = shape[:cut], shape[cut:]

    def _value(self, x):
        """x as a Tensor, an array or a Python number. Raises ValueError if its shape does not fit."""
        x = _real("log_prob x", x)
        shape, whole = getattr(x, "shape", ()), self.batch_shape + self.event_shape
        if shape != whole:
            try:
                fits = shape[len(shape) - self.event_ndim:] == self.event_shape if self.event_shape else True
                fits = fits and np.broadcast_shapes(shape, whole) is not None
            except ValueError:
                fits = False
            if not fits:
                raise ValueError(f"log_prob x: expected shape (..., *{self.batch_shape}, *{self.event_shape}), "
                                 f"got {shape}")
        return x

    def _elements(self, name, x):
        """x as a Tensor, an array or a Python number. Raises ValueError unless it broadcasts with a sample."""
        x, whole = _real(name, x), self.batch_shape + self.event_shape
        try:
            np.broadcast_shapes(getattr(x, "shape", ()), whole)
        except ValueError:
            raise ValueError(f"{name}: expected a shape that broadcasts with {whole}, got {x.shape}") from None
        return x

    def _sum_event(self, value):
        """`value` summed over the event's axes."""
        return sum_last(value, len(self.event_shape))

    def _log_prob(self, x):
        raise NotImplementedError(f"{type(self).__name__} has no log_prob")

    def _sample(self, shape, rng):
        raise NotImplementedError(f"{type(self).__name__} has no sample")


def _real(name, x):
    """x as a Tensor, an array or a Python number. Raises TypeError for anything but real numbers."""
    if not hasattr(x, "dtype") and not isinstance(x, int | float):
        x = np.asarray(x)
    if getattr(getattr(x, "dtype", None), "kind", "f") not in "biuf":
        raise TypeError(f"{name}: expected real numbers, got {x.dtype}")
    return x
