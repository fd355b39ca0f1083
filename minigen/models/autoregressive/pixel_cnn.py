"""PixelCNN: an exact image density from a stack of masked convolutions.

    p(x | y) = Π_i Π_c p(x_{i,c} | all pixels before i in raster order, colours before c of pixel i, y)

Each factor is a Bernoulli (binary images) or a softmax (levels), whose logits come from one network for all pixels:

    h⁰ = conv_A(x) + e(y)
    hᵏ = hᵏ⁻¹ + conv_1(relu(conv_B(relu(conv_1(relu(hᵏ⁻¹))))))        for k = 1 … blocks
    logits = conv_1(relu(conv_1(relu(h))))

For each pixel conv_A sees the pixels before it in a square around it; conv_B sees the features there and those at the
pixel itself, which are of earlier pixels only; conv_1 sees the latter alone. e(y) are features of the condition y, if
there is one. Stacked masked squares never see some pixels to the upper right, the blind spot, which the gated
PixelCNN's two stacks do away with.

van den Oord, Kalchbrenner and Kavukcuoglu, "Pixel Recurrent Neural Networks", 2016 (sections 3.3 to 3.5, table 1).
"""

from dataclasses import dataclass

from ...arrays import as_generator
from ...arrays.checks import odd_integer, positive_integer
from ...layers import ColourConv, MaskedConv2d, Module
from ...protocols import DataSpec
from ..heads import Scaled, integer_head
from .support.pixels import HERE, PixelModel
from .support.sampling import sampler


@dataclass(frozen=True)
class Config:
    """Channels of the residual stream, number of blocks, sizes of the first kernel and of those in the blocks."""

    channels: int = 64
    blocks: int = 7
    first_size: int = 7
    size: int = 3

    def __post_init__(self):
        positive_integer("channels", self.channels)
        positive_integer("blocks", self.blocks)
        for name in ("first_size", "size"):
            odd_integer(name, getattr(self, name))
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
    """A PixelCNN of binary or discrete images of one or several colours.

    Raises ValueError for images smaller than the first kernel, and for channels that the colours do not divide.
    """

    Config = Config
    training = {"epochs": 20, "batch_size": 32, "schedule": "cosine", "ema": 0.999}

    def __init__(self, spec: DataSpec, config: Config | None = None, *, rng=0):
        super().__init__(spec, config)
        config = self.config
        rng = as_generator(rng)
        self.check_image(config.first_size, config.channels // 2)
        p = config.channels
        colours = self.colours
        self.output = integer_head(self.levels, Scaled(self.levels))
        self.embedding = self.condition_features(p, rng)
        self.first = MaskedConv2d(colours, p, config.first_size, "A", rng, colours=colours)
        self.blocks = [Block(p, config.size, colours, rng) for _ in range(config.blocks)]
        self.head = [ColourConv(p, n, HERE, "B", rng, colours=colours) for n in (p, colours * self.output.width)]

    def network(self, x, context=()):
        """Logits `(batch, height, width, colours · width)` of scaled images."""
        h = self.first(x)  # (batch, height, width, channels)
        for features in context:
            h = h + features
        for block in self.blocks:
            h = block(h)
        hidden, logits = self.head
        return logits(hidden(h, rectify=True), rectify=True)

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

        The network is not run anew for each: what a drawn channel makes computable is computed once. Arguments as for
        `Model.sample`.
        """
        return self.draw(n, rng, condition, given, **options)[0]

    @sampler
    def draw(self, request):
        """`sample`, and the logits `(n, *spec.shape, width)` that each channel was drawn from."""
        return self.draw_in_raster_order(request)
