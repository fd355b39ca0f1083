"""PixelCNN: an exact image density from a stack of masked convolutions.

    p(x) = Π_i Π_c p(x_{i,c} | all pixels before i in raster order, colours before c of pixel i)

The first convolution (type A) sees a square of pixels before its own; residual blocks of 1×1, 3×3 (type B: features at
its own place are known too) and 1×1 convolutions follow, then two 1×1 layers that make the logits. Stacked masked
squares never see some pixels to the upper right, the blind spot, which the gated PixelCNN's two stacks do away with.

van den Oord, Kalchbrenner and Kavukcuoglu, "Pixel Recurrent Neural Networks", 2016 (sections 3.3 to 3.5, table 1).
"""

from dataclasses import dataclass

from ...arrays import as_generator
from ...layers import ColourConv, MaskedConv2d, Module
from ...protocols import DataSpec
from ..settings import check_odd, check_size
from .pixels import HERE, PixelModel


@dataclass(frozen=True)
class Config:
    """Channels of the residual stream, number of blocks, sizes of the first kernel and of those in the blocks."""

    channels: int = 64
    blocks: int = 7
    first_size: int = 7
    size: int = 3

    def __post_init__(self):
        check_size("channels", self.channels)
        check_size("blocks", self.blocks)
        for name in ("first_size", "size"):
            check_odd(name, getattr(self, name))
        if self.channels % 2:
            raise ValueError(f"channels: expected an even number, of which blocks use half, got {self.channels}")


class Block(Module):
    """x + 1×1 to all channels of a masked convolution of half of them, each after a ReLU."""

    def __init__(self, channels, size, colours, rng):
        half = channels // 2
        self.narrow = ColourConv(channels, half, HERE, "B", rng, colours=colours)
        self.masked = MaskedConv2d(half, half, size, "B", rng, colours=colours)
        self.widen = ColourConv(half, channels, HERE, "B", rng, colours=colours)

    def __call__(self, x):
        hidden = self.masked(self.narrow(x, rectify=True), rectify=True)
        return x + self.widen(hidden, rectify=True)


class PixelCNN(PixelModel):
    """A PixelCNN of binary or discrete images of one or several colours, conditional on a class if the data have one.

    Raises ValueError for data that are no images of integers, images smaller than the first kernel, and channels that
    the colours do not divide.
    """

    Config = Config
    training = {"epochs": 20, "batch_size": 32, "schedule": "cosine", "ema": 0.999}

    def __init__(self, spec: DataSpec, config: Config, *, rng):
        self._prepare(spec, "pixel_cnn", config.first_size, config.channels // 2)
        rng, self.config = as_generator(rng), config
        p, colours = config.channels, self.colours
        self.embedding = self._embedding(p, rng)
        self.first = MaskedConv2d(colours, p, config.first_size, "A", rng, colours=colours)
        self.blocks = [Block(p, config.size, colours, rng) for _ in range(config.blocks)]
        self.head = [ColourConv(p, n, HERE, "B", rng, colours=colours) for n in (p, colours * self.outputs)]

    def network(self, x, context, rng=None):
        """Logits `(batch, height, width, colours · outputs)`."""
        x = self.first(x)
        if context is not None:
            x = x + context
        for block in self.blocks:
            x = block(x)
        hidden, logits = self.head
        return logits(hidden(x, rectify=True), rectify=True)
