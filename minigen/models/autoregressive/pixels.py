"""What autoregressive image models share: the order of pixels and colours, scaling, and the output distributions.

Pixels come in raster order and the channels of a pixel one after the other (red, green, blue). A network maps images
to one logit (binary data) or `levels` logits (discrete data) for each channel of each pixel, each seeing only what
comes before it.
"""

import numpy as np

from ... import ops
from ...arrays import array_module, as_generator, to_numpy
from ...autograd.tensor import raw
from ...kernels.heads import CATEGORICAL
from ...kernels.incremental import run_program
from ...layers import Embedding
from ...protocols import DataSpec
from ..settings import check_batch
from .autoregressive import Autoregressive
from .incremental import compile_program, kept_program

HERE = ((0, 0),)  # the taps of a 1×1 convolution


class PixelModel(Autoregressive):
    """Base class of image models with a Bernoulli or a softmax for each channel.

    A subclass defines `network(x, context, rng=None)`: x `(batch, height, width, channels)` scaled to [-1, 1], context
    `(batch, 1, 1, context channels)` or None, to features `(batch, height, width, channels · outputs)`, in colour
    groups.
    """

    def _prepare(self, spec: DataSpec, key: str, smallest: int, channels: int):
        """Note what the data are; ValueError for data that an image model with these settings cannot take."""
        if spec.kind not in ("binary", "discrete"):
            raise ValueError(f"{key}: it takes binary or discrete images, got {spec.kind} data")
        if len(spec.shape) != 3:
            raise ValueError(f"{key}: it takes images (height, width, channels), got examples of shape {spec.shape}")
        if min(spec.shape[:2]) < smallest:
            raise ValueError(f"{key}: expected images of at least {smallest} × {smallest} pixels, as its first kernel "
                             f"has that size, got {spec.shape[0]} × {spec.shape[1]}")
        condition = spec.condition
        if condition is not None and (condition.kind != "discrete" or condition.dimensions != 1):
            raise ValueError(f"{key}: it takes a class as condition (one discrete number), got {condition}")
        self.spec, self.colours = spec, spec.shape[2]
        if channels % self.colours:
            raise ValueError(f"channels: expected a multiple of the {self.colours} colours, got {channels}")
        self.levels = 2 if spec.kind == "binary" else spec.levels
        self.outputs = 1 if self.levels == 2 else self.levels

    def _embedding(self, channels, rng):
        """One row of `channels` numbers for each class; None for an unconditional model."""
        return None if self.spec.condition is None else Embedding(self.spec.condition.levels, channels, rng)

    @property
    def labels(self):
        """Whether the model learns from labels: "required" for p(x | class), else None."""
        return None if self.spec.condition is None else "required"

    @property
    def order(self):
        """Raster order, colours fastest: an example as it is."""
        return np.arange(self.spec.dimensions)

    def log_prob(self, x, condition=None):
        """log p(x) or log p(x | class) in nats, `(batch,)`."""
        x = raw(check_batch(x, self.spec))
        return self._log_prob(x, self._parameters(x, condition))

    def conditionals(self, x, condition=None):
        """Logits `(batch, height, width, colours, outputs)` of each channel given all before it."""
        return self._parameters(raw(check_batch(x, self.spec)), condition)

    def _parameters(self, x, condition, rng=None):
        features = self.network(self._scaled(x), self._context(len(x), condition), rng)
        return ops.reshape(features, (len(x), *self._conditionals_shape()))

    def _log_prob(self, x, logits):
        if self.outputs == 1:
            dtype = logits.dtype
            return ops.bernoulli_log_prob(x.reshape(len(x), -1).astype(dtype), logits.reshape(len(x), -1))
        each = ops.categorical_log_prob(logits, x.astype(np.int64))
        return each.reshape(len(x), -1).sum(axis=-1)

    def _loss(self, batch, rng):
        x, condition = batch if isinstance(batch, tuple) else (batch, None)
        log_prob = self._log_prob(x, self._parameters(x, condition, as_generator(rng))).mean()
        return -log_prob, {"log_prob": log_prob}

    def network(self, x, context, rng=None):
        """Features `(batch, height, width, colours · outputs)` of scaled images; with `rng`, a training call."""
        raise NotImplementedError(f"{type(self).__name__} defines no network")

    def _draw(self, n, rng, condition, values, observed):
        places, colours = self.spec.shape[0] * self.spec.shape[1], self.colours
        steps = np.arange(places * colours).reshape(places, colours)  # one for each colour of each pixel
        outputs = [(k, k // colours, k % colours * self.outputs, self.outputs) for k in range(steps.size)]
        return self._run(n, rng, condition, values, observed, steps, outputs, CATEGORICAL, 1, 1)

    def _run(self, n, rng, condition, values, observed, steps, outputs, head, m, randoms):
        """Draw by a head that makes `m` values in each step out of so many uniform random numbers."""
        dtype, count, context = self.dtype, len(outputs), self._context(n, condition)
        seen = None if context is None else to_numpy(raw(context)).tobytes()
        program = kept_program(self, (seen, n if seen else 1, dtype), lambda: compile_program(
            lambda x: self.network(x, context), self.spec.shape, steps, outputs, dtype, n if seen else 1))
        if values is None:
            values, observed = np.zeros((n, count * m)), np.zeros((n, count * m), bool)
        noise = rng.random((n, count, randoms), dtype)
        values, observed = values.reshape(n, count, m).astype(dtype), observed.reshape(n, count, m)
        codes = self._scaled(np.arange(self.levels)[:, None])
        x, parameters = run_program(noise, values, observed, program, head, outputs[0][-1], codes, self.levels)
        kind = np.uint8 if self.levels <= 256 else np.int64
        return x.astype(kind).reshape(n, *self.spec.shape), parameters.reshape(n, *self._conditionals_shape())

    def _conditionals_shape(self):
        return *self.spec.shape, self.outputs

    def _scaled(self, x):
        dtype = self.dtype
        return x.astype(dtype) * (2 / (self.levels - 1)) - 1

    def _context(self, n, condition):
        """The embedding of each class, `(batch, 1, 1, channels)`, or None."""
        condition = self._check_condition(n, condition)
        return None if condition is None else self.embedding(condition)[:, None, None, :]

    def _check_condition(self, n, condition):
        spec = self.spec.condition
        if spec is None:
            return super()._check_condition(n, condition)
        if condition is None:
            raise ValueError(f"condition: expected a class from 0 to {spec.levels - 1} for each example, got None")
        given = array_module(raw(condition)).asarray(raw(condition))
        condition = given.reshape(-1) if given.size == n else given
        if condition.ndim == 0:
            condition = array_module(condition).full(n, condition)
        if condition.shape != (n,) or condition.dtype.kind not in "iu":
            raise ValueError(f"condition: expected {n} integers, got {given.dtype} of shape {given.shape}")
        on_host = array_module(condition) is np  # what is on a GPU is not looked at: that would wait for it
        if on_host and n and (condition.min() < 0 or condition.max() >= spec.levels):
            raise ValueError(f"condition: expected classes 0 to {spec.levels - 1}, got {condition.min()} to "
                             f"{condition.max()}")
        return condition.astype(np.int64)
