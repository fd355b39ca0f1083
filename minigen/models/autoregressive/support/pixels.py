"""The base class of autoregressive models with one network on images: the order of pixels and colours, and scaling.

Pixels come in raster order and the channels of a pixel one after the other (red, green, blue). A network maps images
scaled to [-1, 1] to the parameters of each channel's distribution, or of each pixel's, seeing only what comes before.
"""

import math

import numpy as np

from ....autograd import raw
from ....kernels.incremental import run_program
from ...batches import check_batch
from ...heads import Head
from ...takes import Takes
from .autoregressive import Autoregressive
from .condition_features import condition_features
from .tracing import compile_program, kept_program

HERE = ((0, 0),)  # the taps of a 1×1 convolution


class PixelModel(Autoregressive):
    """Base class of image models.

    A subclass sets `output`, the head of one channel's distribution or of one pixel's, and `embedding`, by
    `condition_features`, and defines `network(x, context)`: from x `(batch, height, width, colours)` to `(batch,
    height, width, parameters)`. `context` is a tuple of the condition's features, `(batch, 1, 1, channels)` or
    `(batch, height, width, channels)`; it is empty without a condition.
    """

    takes = Takes(kinds=("binary", "discrete"), rank=(3,), condition=("class", "vector", "image"))
    output: Head

    def check_image(self, smallest: int, channels: int):
        """Note colours and levels. ValueError for too small images, and for channels that the colours do not divide."""
        spec = self.spec
        if min(spec.shape[:2]) < smallest:
            raise ValueError(f"{self.name}: expected images of at least {smallest} × {smallest} pixels, as its first "
                             f"kernel has that size, got {spec.shape[0]} × {spec.shape[1]}")
        self.colours = spec.shape[2]
        if channels % self.colours:
            raise ValueError(f"channels: expected a multiple of the {self.colours} colours, got {channels}")
        self.levels = 2 if spec.kind == "binary" else spec.levels

    def condition_features(self, channels: int, rng):
        """The network from the condition to `channels` features at each pixel, or None."""
        return condition_features(self.spec.condition, self.spec.shape[:2], channels, rng)

    @property
    def order(self):
        """Raster order, colours fastest: an example as it is."""
        return np.arange(self.spec.dimensions)

    def ranks(self) -> np.ndarray:
        """For each variable the number of the step that draws it: a channel, or all colours of a pixel."""
        return np.arange(self.spec.dimensions) // math.prod(self.output.event_shape)

    def images(self, x):
        """A batch `(batch, *spec.shape)` as a plain array, once it is checked."""
        return raw(check_batch(x, self.spec))

    def context(self, condition, n: int) -> tuple:
        """The features of the condition of `n` examples, `(n, 1 or height, 1 or width, channels)`."""
        condition = self.check_condition(condition, n)
        return () if condition is None else (self.embedding(condition),)

    def network(self, x, context):
        """Parameters `(batch, height, width, …)` of scaled images."""
        raise NotImplementedError(f"{type(self).__name__} defines no network")

    def parameters_of(self, x, context, **keywords):
        """The parameters `(batch, height, width, colours, width of the output)`; without `colours` if pixels share one.

        `keywords` go to the network.
        """
        scaled = self.output.code(x, self.dtype)[..., 0]  # (batch, height, width, colours)
        return self._shaped(self.network(scaled, context, **keywords))

    def conditionals(self, x, condition=None):
        """Parameters of each channel, or of each pixel, given all before it: see `parameters_of`."""
        x = self.images(x)
        return self.parameters_of(x, self.context(condition, len(x)))

    def conditionals_of_inputs(self, inputs, condition=None):
        """`conditionals` as a differentiable function of scaled images, real numbers from -1 to 1."""
        return self._shaped(self.network(inputs, self.context(condition, len(inputs))))

    def _shaped(self, parameters):
        """`(batch, height, width, …)` as `(batch, height, width, colours, width)`, or without `colours`."""
        shape = self.spec.shape[:len(self.spec.shape) - len(self.output.event_shape)]
        return parameters.reshape(len(parameters), *shape, self.output.width)

    def draw_in_raster_order(self, request):
        """Draw a channel after the other, or a pixel after the other, as `output` has them.

        Gives images `(n, *spec.shape)` and their conditionals' parameters.
        """
        n = request.n
        dtype = self.dtype
        output = self.output
        height, width, colours = self.spec.shape
        m = math.prod(output.event_shape)  # values of a step
        count = height * width * colours // m  # steps
        steps = np.repeat(np.arange(count), m).reshape(height * width, colours)
        outputs = [(k, k * m // colours, k * m % colours * output.width, output.width) for k in range(count)]
        context = self.context(request.condition, n)
        program = kept_program(self, dtype, lambda: compile_program(
            lambda x, *context: self.network(x, context), self.spec.shape, steps, outputs, output, dtype,
            [features.shape[1:] for features in context]))
        values = request.values.reshape(n, count, m).astype(dtype)
        observed = request.observed.reshape(n, count, m)
        noise = output.noise(request.rng, (n, count), dtype)
        x, parameters = run_program(noise, values, observed, program, output.draw, output.width, output.codes(dtype),
                                    output.settings(request.temperature),
                                    [raw(features).reshape(n, -1, features.shape[-1]) for features in context])
        return output.values(x).reshape(n, *self.spec.shape), self._shaped(parameters)
