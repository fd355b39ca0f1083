"""PixelCNN++: a mixture of discretised logistic distributions for each pixel, from a network of three scales.

    p(x | z) = Π_i p(x_i | all pixels before i, z),
    p(r, g, b) = Σ_m w_m P(r; μ_r, s_r) P(g; μ_g + a r, s_g) P(b; μ_b + b r + c g, s_b)

P(·; μ, s) is the mass of a logistic distribution in the bin of a level; all colours of a pixel share the component, and
later colours' means depend linearly on earlier ones, so that no channel of the network need be masked. Two streams,
one that sees the rows above a pixel and one that also sees what is left of it, run through gated residual blocks. They
are halved in size twice and doubled again, with short cuts from each block on the way down to one on the way up. A
condition z adds a linear map of its features to each block: of a class or a vector the same at each pixel, of an image
those that two convolutions find there, at smaller scales every second or fourth of them.

Salimans, Karpathy, Chen and Kingma, "PixelCNN++: Improving the PixelCNN with Discretized Logistic Mixture Likelihood
and Other Modifications", 2017. Weights are not normalised here, and blocks start small instead.
"""

from dataclasses import dataclass

from ... import ops
from ...arrays import as_generator
from ...arrays.checks import fraction, positive_integer
from ...autograd import xp_of
from ...layers import Conv, ConvTranspose, Dropout, Linear, Module, glorot_uniform
from ...protocols import DataSpec
from ..heads import PixelMixtureHead
from ..takes import condition_name
from .support.pixels import HERE, PixelModel
from .support.sampling import check_whole_pixels, sampler

ABOVE = tuple((row, column) for row in (-1, 0) for column in (-1, 0, 1))  # within the stream that sees rows above
BEFORE = tuple((row, column) for row in (-1, 0) for column in (-1, 0))  # within the stream that sees all before
ABOVE_UP = tuple((row, column) for row in (0, 1) for column in (-1, 0, 1))  # from a scale to the next larger one
BEFORE_UP = tuple((row, column) for row in (0, 1) for column in (0, 1))


@dataclass(frozen=True)
class Config:
    """Channels, gated residual blocks at each scale, scales, mixture components, dropout rate."""

    channels: int = 64
    blocks: int = 5
    scales: int = 3
    components: int = 10
    dropout: float = 0.5

    def __post_init__(self):
        for name in ("channels", "blocks", "scales", "components"):
            positive_integer(name, getattr(self, name))
        fraction("dropout", self.dropout)


class GatedBlock(Module):
    """x + a·sigmoid(b), (a, b) two convolutions of x with a short cut `aside` added in between."""

    def __init__(self, channels, taps, aside, context, dropout, rng):
        small = lambda shape, rng, dtype: glorot_uniform(shape, rng, dtype, 0.1)  # noqa: E731
        self.first = Conv(2 * channels, channels, taps, rng)
        self.aside = Conv(2 * aside, channels, HERE, rng, bias=False) if aside else None
        self.second = Conv(2 * channels, 2 * channels, taps, rng, init=small)
        self.context = Linear(context, 2 * channels, rng, bias=False) if context else None
        self.dropout = Dropout(dropout)

    def __call__(self, x, aside=None, context=None, *, train=False, rng=None):
        hidden = self.first(ops.concat_elu(x))  # (batch, height, width, channels)
        if self.aside is not None:
            hidden = hidden + self.aside(ops.concat_elu(aside))
        hidden = self.dropout(ops.concat_elu(hidden), train=train, rng=rng)  # (batch, height, width, 2 · channels)
        hidden = self.second(hidden)
        if context is not None:
            hidden = hidden + self.context(context)
        return x + ops.glu(hidden)


class PixelCNNPP(PixelModel):
    """A PixelCNN++ of binary or discrete images of any number of colours.

    Raises ValueError for images that cannot be halved as often as asked.
    """

    Config = Config
    training = {"epochs": 20, "batch_size": 16, "schedule": "cosine", "ema": 0.999}

    def __init__(self, spec: DataSpec, config: Config | None = None, *, rng=0):
        super().__init__(spec, config)
        config = self.config
        rng = as_generator(rng)
        self.check_image(2 ** (config.scales - 1), spec.shape[-1] * config.channels)
        p = config.channels
        scales = config.scales
        blocks = config.blocks
        self.output = PixelMixtureHead(config.components, self.colours, self.levels)
        self.embedding = self.condition_features(p, rng)
        context = 0 if self.embedding is None else p
        self.first_above = Conv(self.colours + 1, p, [(-2, c) for c in (-1, 0, 1)] + [(-1, c) for c in (-1, 0, 1)], rng)
        self.first_row = Conv(self.colours + 1, p, [(-1, c) for c in (-1, 0, 1)], rng)
        self.first_left = Conv(self.colours + 1, p, [(-1, -1), (0, -1)], rng)

        def pair(aside, extra):
            return [GatedBlock(p, ABOVE, aside, context, config.dropout, rng),
                    GatedBlock(p, BEFORE, p + extra, context, config.dropout, rng)]

        self.down = [[pair(0, 0) for _ in range(blocks)] for _ in range(scales)]
        self.halve = [[Conv(p, p, taps, rng, stride=2) for taps in (ABOVE, BEFORE)] for _ in range(scales - 1)]
        self.up = [[pair(p, p) for _ in range(blocks + (scale > 0))] for scale in range(scales)]
        self.double = [[ConvTranspose(p, p, taps, rng, stride=2) for taps in (ABOVE_UP, BEFORE_UP)]
                       for _ in range(scales - 1)]
        self.head = Conv(p, self.output.width, HERE, rng)

    def context(self, condition, n: int) -> tuple:
        """The condition's features at each scale, of an image `(n, height / 2ˢ, width / 2ˢ, channels)`."""
        context = super().context(condition, n)
        if not context or condition_name(self.spec.condition) != "image":
            return context
        (features,) = context
        return tuple(features[:, ::2**scale, ::2**scale] for scale in range(self.config.scales))

    def network(self, x, context=(), *, train=False, rng=None):
        """Parameters `(batch, height, width, width of the output)` of each pixel's mixture."""
        at_scale = list(context) * self.config.scales if len(context) == 1 else list(context)
        at_scale = at_scale or [None] * self.config.scales
        xp = xp_of(x)
        x = ops.concatenate([x, xp.ones((*x.shape[:-1], 1), x.dtype)], -1)  # ones, to tell the border from grey
        above = self.first_above(x)  # (batch, height, width, channels)
        before = self.first_row(x) + self.first_left(x)
        kept = [(above, before)]
        for scale, blocks in enumerate(self.down):  # scale s has extents / 2ˢ
            if scale:
                halve_above, halve_before = self.halve[scale - 1]
                above = halve_above(above)
                before = halve_before(before)
                kept.append((above, before))
            for first, second in blocks:
                above = first(above, None, at_scale[scale], train=train, rng=rng)
                before = second(before, above, at_scale[scale], train=train, rng=rng)
                kept.append((above, before))
        above, before = kept.pop()
        for scale, blocks in zip(reversed(range(self.config.scales)), self.up, strict=True):
            if scale < self.config.scales - 1:
                extents = kept[-1][0].shape[1:-1]
                double_above, double_before = self.double[self.config.scales - 2 - scale]
                above = double_above(above, extents=extents)
                before = double_before(before, extents=extents)
            for first, second in blocks:
                aside_above, aside_before = kept.pop()
                above = first(above, aside_above, at_scale[scale], train=train, rng=rng)
                aside = ops.concatenate([above, aside_before], -1)
                before = second(before, aside, at_scale[scale], train=train, rng=rng)
        return self.head(ops.elu(before))

    def log_prob(self, x, condition=None):
        """log p(x | condition) = Σ_i log p(x_i | x_{<i}, condition) over the pixels i, in nats: `(batch,)`."""
        return self._log_prob(x, condition)

    def _log_prob(self, x, condition, **keywords):
        x = self.images(x)  # (batch, height, width, colours)
        parameters = self.parameters_of(x, self.context(condition, len(x)), **keywords)  # (batch, height, width, width)
        return self.output.distribution(parameters, event_ndim=3).log_prob(x)

    def loss(self, batch, rng, step):
        """Minus the mean log-density of the batch, by a network with dropout."""
        log_prob = self._log_prob(batch.x, batch.condition, train=True, rng=as_generator(rng)).mean()
        return -log_prob, {"log_prob": log_prob}

    def sample(self, n, rng, condition=None, given=None, **options):
        """Draw a pixel after the other in raster order, all its colours at once: `(n, *spec.shape)`.

        Arguments as for `Model.sample`; what is given must be whole pixels.
        """
        return self.draw(n, rng, condition, given, **options)[0]

    @sampler
    def draw(self, request):
        """`sample`, and the parameters `(n, height, width, width of the output)` that each pixel was drawn from."""
        return self.draw_in_raster_order(request)

    def check_given(self, n, given):
        """As for all models; ValueError also where only some colours of a pixel are observed."""
        values, observed = super().check_given(n, given)
        check_whole_pixels(observed)
        return values, observed
