"""PixelCNN++: a mixture of discretised logistic distributions for each pixel, from a network of three scales.

    p(x) = Π_i p(x_i | all pixels before i),
    p(r, g, b) = Σ_m w_m P(r; μ_r, s_r) P(g; μ_g + a r, s_g) P(b; μ_b + b r + c g, s_b)

P(·; μ, s) is the mass of a logistic distribution in the bin of a level; all colours of a pixel share the component, and
later colours' means depend linearly on earlier ones, so that no channel of the network need be masked. Two streams,
one that sees the rows above a pixel and one that also sees what is left of it, run through gated residual blocks. They
are halved in size twice and doubled again, with short cuts from each block on the way down to one on the way up.

Salimans, Karpathy, Chen and Kingma, "PixelCNN++: Improving the PixelCNN with Discretized Logistic Mixture Likelihood
and Other Modifications", 2017. Weights are not normalised here, and blocks start small instead.
"""

from dataclasses import dataclass

import numpy as np

from ... import ops
from ...arrays import array_module, as_generator
from ...autograd.tensor import raw
from ...kernels.heads import PIXEL, pixel_rows
from ...layers import Conv, ConvTranspose, Dropout, Linear, Module, glorot_uniform
from ...protocols import DataSpec
from ..settings import check_fraction, check_size
from .mixtures import check_whole_pixels, pixel_log_prob
from .pixels import HERE, PixelModel

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
            check_size(name, getattr(self, name))
        check_fraction("dropout", self.dropout)


class GatedBlock(Module):
    """x + a·sigmoid(b), (a, b) two convolutions of x with a short cut `aside` added in between."""

    def __init__(self, channels, taps, aside, context, dropout, rng):
        small = lambda shape, rng, dtype: glorot_uniform(shape, rng, dtype, 0.1)  # noqa: E731
        self.first = Conv(2 * channels, channels, taps, rng)
        self.aside = Conv(2 * aside, channels, HERE, rng, bias=False) if aside else None
        self.second = Conv(2 * channels, 2 * channels, taps, rng, init=small)
        self.context = Linear(context, 2 * channels, rng, bias=False) if context else None
        self.dropout = Dropout(dropout)

    def __call__(self, x, aside=None, context=None, rng=None):
        hidden = self.first(ops.concat_elu(x))
        if self.aside is not None:
            hidden = hidden + self.aside(ops.concat_elu(aside))
        hidden = self.second(self.dropout(ops.concat_elu(hidden), train=rng is not None, rng=rng))
        if context is not None:
            hidden = hidden + self.context(context)
        return x + ops.glu(hidden)


class PixelCNNPP(PixelModel):
    """A PixelCNN++ of binary or discrete images of any number of colours, conditional on a class if the data have one.

    Raises ValueError for data that are no images of integers, and images that cannot be halved as often as asked.
    """

    Config = Config
    training = {"epochs": 20, "batch_size": 16, "schedule": "cosine", "ema": 0.999}

    def __init__(self, spec: DataSpec, config: Config, *, rng):
        self._prepare(spec, "pixel_cnn_pp", 2 ** (config.scales - 1), spec.shape[-1] * config.channels)
        rng, self.config, p = as_generator(rng), config, config.channels
        self.outputs = config.components * pixel_rows(self.colours)
        context = p if spec.condition is not None else None
        self.embedding = self._embedding(p, rng)
        self.first_above = Conv(self.colours + 1, p, [(-2, c) for c in (-1, 0, 1)] + [(-1, c) for c in (-1, 0, 1)], rng)
        self.first_row = Conv(self.colours + 1, p, [(-1, c) for c in (-1, 0, 1)], rng)
        self.first_left = Conv(self.colours + 1, p, [(-1, -1), (0, -1)], rng)

        def pair(aside, extra):
            return [GatedBlock(p, ABOVE, aside, context, config.dropout, rng),
                    GatedBlock(p, BEFORE, p + extra, context, config.dropout, rng)]

        scales, blocks = config.scales, config.blocks
        self.down = [[pair(0, 0) for _ in range(blocks)] for _ in range(scales)]
        self.halve = [[Conv(p, p, taps, rng, stride=2) for taps in (ABOVE, BEFORE)] for _ in range(scales - 1)]
        self.up = [[pair(p, p) for _ in range(blocks + (scale > 0))] for scale in range(scales)]
        self.double = [[ConvTranspose(p, p, taps, rng, stride=2) for taps in (ABOVE_UP, BEFORE_UP)]
                       for _ in range(scales - 1)]
        self.head = Conv(p, self.outputs, HERE, rng)

    def network(self, x, context, rng=None):
        """Parameters `(batch, height, width, outputs)` of each pixel's mixture."""
        xp = array_module(raw(x))
        x = ops.concatenate([x, xp.ones((*x.shape[:-1], 1), x.dtype)], -1)  # ones, to tell the border from grey
        above = self.first_above(x)
        before = self.first_row(x) + self.first_left(x)
        kept = [(above, before)]
        for scale, blocks in enumerate(self.down):
            if scale:
                above, before = (halve(y) for halve, y in zip(self.halve[scale - 1], (above, before), strict=True))
                kept.append((above, before))
            for first, second in blocks:
                above = first(above, None, context, rng)
                before = second(before, above, context, rng)
                kept.append((above, before))
        above, before = kept.pop()
        for scale, blocks in enumerate(self.up):
            if scale:
                extents = kept[-1][0].shape[1:-1]
                above, before = (double(y, extents=extents)
                                 for double, y in zip(self.double[scale - 1], (above, before), strict=True))
            for first, second in blocks:
                aside_above, aside_before = kept.pop()
                above = first(above, aside_above, context, rng)
                before = second(before, ops.concatenate([above, aside_before], -1), context, rng)
        return self.head(ops.elu(before))

    def conditionals(self, x, condition=None):
        """Parameters `(batch, height, width, outputs)` of each pixel's mixture given all pixels before it."""
        return super().conditionals(x, condition)

    def _conditionals_shape(self):
        return *self.spec.shape[:2], self.outputs

    def _log_prob(self, x, parameters):
        each = pixel_log_prob(x, parameters, self.config.components, self.levels)
        return each.reshape(len(x), -1).sum(axis=-1)

    def _draw(self, n, rng, condition, values, observed):
        places = self.spec.shape[0] * self.spec.shape[1]
        steps = np.repeat(np.arange(places)[:, None], self.colours, axis=1)  # one for each pixel
        outputs = [(k, k, 0, self.outputs) for k in range(places)]
        return self._run(n, rng, condition, values, observed, steps, outputs, PIXEL, self.colours, 1 + self.colours)

    def ranks(self):
        """Of each variable the number of the step that draws it: all colours of a pixel in one."""
        return np.arange(self.spec.dimensions) // self.colours

    def _check_given(self, n, given):
        values, observed = super()._check_given(n, given)
        if observed is not None:
            check_whole_pixels(observed)
        return values, observed
