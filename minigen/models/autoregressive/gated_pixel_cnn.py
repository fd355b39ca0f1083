"""The gated PixelCNN: an exact image density without a blind spot, conditional on a class if the data have one.

    p(x) = Π_i Π_c p(x_{i,c} | all pixels before i in raster order, colours before c of pixel i)

Two stacks of convolutions share the work. The vertical stack sees all rows above a pixel; the horizontal one sees
what is left of it in its own row, and at each layer the vertical stack's features. Together they see every earlier
pixel, where a stack of masked squares (`pixel_cnn`) misses a growing wedge to the right. Units are gated,

    y = tanh(W_f ∗ x + V_f h) · sigmoid(W_g ∗ x + V_g h),    h the class's embedding,

and each layer adds to a sum of skips, from which two 1×1 convolutions make the logits.

van den Oord, Kalchbrenner, Vinyals, Espeholt, Graves and Kavukcuoglu, "Conditional Image Generation with PixelCNN
Decoders", 2016 (equations 2 and 4, figure 2).
"""

from dataclasses import dataclass

from ... import ops
from ...arrays import as_generator
from ...layers import ColourConv, Conv, Linear, Module, taps
from ...protocols import DataSpec
from ..settings import check_odd, check_size
from .pixels import HERE, PixelModel


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
            check_size(name, getattr(self, name))
        for name in ("first_size", "size"):
            check_odd(name, getattr(self, name))


class GatedLayer(Module):
    """One gated layer: `(vertical, horizontal)` to the same, and what it adds to the skips.

    The first layer has the image as input of both stacks and sees nothing of a pixel itself.
    """

    def __init__(self, inputs, config, first, colours, context, rng):
        p, kind = config.channels, "A" if first else "B"
        size = config.first_size if first else config.size
        self.residual = not first
        self.above = Conv(inputs, 2 * p, taps.vertical(size, present=not first), rng)
        self.link = Conv(2 * p, 2 * p, HERE, rng, bias=False)
        self.left = ColourConv(inputs, 2 * p, taps.horizontal(size, "B"), kind, rng, colours=colours, gates=2)
        self.skip = ColourConv(p, config.skip_channels, HERE, "B", rng, colours=colours)
        self.out = ColourConv(p, p, HERE, "B", rng, colours=colours)
        self.class_above, self.class_left = (
            (Linear(context, 2 * p, rng, bias=False) if context else None) for _ in range(2))

    def __call__(self, vertical, horizontal, context=None):
        above = self.above(vertical)
        left = self.left(horizontal) + self.link(above)
        if context is not None:
            above, left = above + self.class_above(context), left + self.class_left(context)
        gated = ops.tanh_gate(left)
        out = self.out(gated)
        return ops.tanh_gate(above), horizontal + out if self.residual else out, self.skip(gated)


class GatedPixelCNN(PixelModel):
    """A gated PixelCNN of binary or discrete images of one or several colours.

    Raises ValueError for data that are no images of integers, images smaller than the first kernel, and channels that
    the colours do not divide.
    """

    Config = Config
    training = {"epochs": 20, "batch_size": 32, "schedule": "cosine", "ema": 0.999}

    def __init__(self, spec: DataSpec, config: Config, *, rng):
        self._prepare(spec, "gated_pixel_cnn", config.first_size, config.channels)
        rng, self.config = as_generator(rng), config
        if config.skip_channels % self.colours:
            raise ValueError(f"skip_channels: expected a multiple of the {self.colours} colours, "
                             f"got {config.skip_channels}")
        context = config.channels if spec.condition is not None else None
        self.embedding = self._embedding(context, rng)
        self.layers = [GatedLayer(config.channels if i else self.colours, config, i == 0, self.colours, context, rng)
                       for i in range(config.layers)]
        self.head = [ColourConv(config.skip_channels, n, HERE, "B", rng, colours=self.colours)
                     for n in (config.skip_channels, self.colours * self.outputs)]

    def network(self, x, context, rng=None):
        """Logits `(batch, height, width, colours · outputs)`."""
        vertical = horizontal = x
        skips = 0
        for layer in self.layers:
            vertical, horizontal, skip = layer(vertical, horizontal, context)
            skips = skips + skip
        hidden, logits = self.head
        return logits(hidden(skips, rectify=True), rectify=True)
