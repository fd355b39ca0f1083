"""The gated PixelCNN: an exact image density without a blind spot, given a class, a vector or an image if asked.

    p(x | z) = Π_i Π_c p(x_{i,c} | all pixels before i in raster order, colours before c of pixel i, z)

Two stacks of convolutions share the work. The vertical stack sees all rows above a pixel; the horizontal one sees
what is left of it in its own row, and at each layer the vertical stack's features. Together they see every earlier
pixel, where a stack of masked squares (`pixel_cnn`) misses a growing wedge to the right. Units are gated,

    y = tanh(W_f ∗ x + V_f h) · sigmoid(W_g ∗ x + V_g h),

with h features of the condition z: a class's row, a map of a vector (both the same at each pixel), or at each pixel
those that two convolutions find in an image. Each layer adds to a sum of skips, from which two 1×1 convolutions make
the logits.

van den Oord, Kalchbrenner, Vinyals, Espeholt, Graves and Kavukcuoglu, "Conditional Image Generation with PixelCNN
Decoders", 2016 (equations 2 and 4, figure 2).
"""

from dataclasses import dataclass

from ... import ops
from ...arrays import as_generator
from ...arrays.checks import odd_integer, positive_integer
from ...layers import ColourConv, Conv, Linear, Module, taps
from ...protocols import DataSpec
from ..heads import Scaled, integer_head
from .support.pixels import HERE, PixelModel
from .support.sampling import sampler


@dataclass(frozen=True)
class Config:
    """Channels of each stack, gated layers, sizes of the first kernel and of the others, channels of the skips."""

    channels: int = 32
    layers: int = 7
    first_size: int = 7
    size: int = 3
    skip_channels: int = 64

    def __post_init__(self):
        for name in ("channels", "layers", "skip_channels"):
            positive_integer(name, getattr(self, name))
        for name in ("first_size", "size"):
            odd_integer(name, getattr(self, name))


class GatedLayer(Module):
    """One gated layer: `(vertical, horizontal)` to the same, and what it adds to the skips.

    The first layer has the image as input of both stacks and sees nothing of a pixel itself. `context` is the number
    of a condition's features, 0 without one.
    """

    def __init__(self, inputs, config, first, colours, context, rng):
        p = config.channels
        kind = "A" if first else "B"
        size = config.first_size if first else config.size
        self.residual = not first
        self.above = Conv(inputs, 2 * p, taps.vertical(size, present=not first), rng)
        self.link = Conv(2 * p, 2 * p, HERE, rng, bias=False)
        self.left = ColourConv(inputs, 2 * p, taps.horizontal(size, "B"), kind, rng, colours=colours, gates=2)
        self.skip = ColourConv(p, config.skip_channels, HERE, "B", rng, colours=colours)
        self.out = ColourConv(p, p, HERE, "B", rng, colours=colours)
        self.class_above = Linear(context, 2 * p, rng, bias=False) if context else None
        self.class_left = Linear(context, 2 * p, rng, bias=False) if context else None

    def __call__(self, vertical, horizontal, context=()):
        above = self.above(vertical)  # (batch, height, width, 2 · channels)
        left = self.left(horizontal) + self.link(above)
        for features in context:
            above = above + self.class_above(features)
            left = left + self.class_left(features)
        gated = ops.tanh_gate(left)  # (batch, height, width, channels)
        out = self.out(gated)
        return ops.tanh_gate(above), horizontal + out if self.residual else out, self.skip(gated)


class GatedPixelCNN(PixelModel):
    """A gated PixelCNN of binary or discrete images of one or several colours.

    Raises ValueError for images smaller than the first kernel, and for channels that the colours do not divide.
    """

    Config = Config
    training = {"epochs": 20, "batch_size": 32, "schedule": "cosine", "ema": 0.999}

    def __init__(self, spec: DataSpec, config: Config | None = None, *, rng=0):
        super().__init__(spec, config)
        config = self.config
        rng = as_generator(rng)
        self.check_image(config.first_size, config.channels)
        colours = self.colours
        if config.skip_channels % colours:
            raise ValueError(f"skip_channels: expected a multiple of the {colours} colours, "
                             f"got {config.skip_channels}")
        self.output = integer_head(self.levels, Scaled(self.levels))
        self.embedding = self.condition_features(config.channels, rng)
        context = 0 if self.embedding is None else config.channels
        self.layers = [GatedLayer(config.channels if i else colours, config, i == 0, colours, context, rng)
                       for i in range(config.layers)]
        self.head = [ColourConv(config.skip_channels, n, HERE, "B", rng, colours=colours)
                     for n in (config.skip_channels, colours * self.output.width)]

    def network(self, x, context=()):
        """Logits `(batch, height, width, colours · width)` of scaled images."""
        vertical = horizontal = x
        skips = 0
        for layer in self.layers:
            vertical, horizontal, skip = layer(vertical, horizontal, context)
            skips = skips + skip  # (batch, height, width, skip channels)
        hidden, logits = self.head
        return logits(hidden(skips, rectify=True), rectify=True)

    def log_prob(self, x, condition=None):
        """log p(x | condition) = Σ_i Σ_c log p(x_{i,c} | what precedes it, condition) in nats, `(batch,)`."""
        x = self.images(x)  # (batch, height, width, colours)
        logits = self.parameters_of(x, self.context(condition, len(x)))  # (batch, height, width, colours, width)
        return self.output.distribution(logits, event_ndim=3).log_prob(x)

    def loss(self, batch, rng, step):
        """Minus the mean log-density of the batch."""
        log_prob = self.log_prob(batch.x, batch.condition).mean()
        return -log_prob, {"log_prob": log_prob}

    def sample(self, n, rng, condition=None, given=None, **options):
        """Draw a channel after the other in raster order, each given what precedes it: `(n, *spec.shape)`.

        Arguments as for `Model.sample`.
        """
        return self.draw(n, rng, condition, given, **options)[0]

    @sampler
    def draw(self, request):
        """`sample`, and the logits `(n, *spec.shape, width)` that each channel was drawn from."""
        return self.draw_in_raster_order(request)
