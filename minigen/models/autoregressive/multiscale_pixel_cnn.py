"""A multi-scale PixelCNN: a small image drawn pixel by pixel, then doubled in size by a few parallel steps.

An image of even extents is four interleaved ones, of the pixels whose row and column are even or odd. The one of even
rows and columns is the image at the next smaller scale. With x^s the image at scale s, and x^s_{01}, x^s_{10}, x^s_{11}
the three groups of pixels that doubling adds,

    p(x) = p(x^0) Π_s p(x^s_{01} | x^{s-1}) p(x^s_{10} | x^{s-1}, x^s_{01}) p(x^s_{11} | x^{s-1}, x^s_{01}, x^s_{10})

The smallest image has a gated PixelCNN; the pixels of a group are independent given the groups before, with a residual
network that looks at these from all sides. The likelihood is exact, and sampling takes h·w steps for the smallest image
and three for each doubling. The price is the independence within groups.

Reed, van den Oord, Kalchbrenner, Gómez Colmenarejo, Wang, Belov and de Freitas, "Parallel Multiscale Autoregressive
Density Estimation", 2017 (section 3, figure 2).
"""

from dataclasses import dataclass

import numpy as np

from ... import ops
from ...arrays import array_module, as_generator
from ...arrays.checks import positive_integer
from ...autograd import raw
from ...layers import Conv, Conv2d, Module
from ...protocols import DataSpec
from ..batches import check_batch
from ..heads import PixelMixtureHead, Scaled, integer_head
from ..takes import Takes
from .gated_pixel_cnn import Config as GatedConfig
from .gated_pixel_cnn import GatedPixelCNN
from .support.autoregressive import Autoregressive
from .support.pixels import HERE
from .support.sampling import check_whole_pixels, sampler

GROUPS = ((0, 1), (1, 0), (1, 1))  # (row, column) modulo 2, in the order in which they are drawn


@dataclass(frozen=True)
class Config:
    """Scales, channels and layers of the smallest one's gated PixelCNN, channels, blocks and mixtures of the groups."""

    scales: int = 3
    channels: int = 32
    layers: int = 4
    group_channels: int = 32
    blocks: int = 4
    components: int = 10

    def __post_init__(self):
        for name in ("scales", "channels", "layers", "group_channels", "blocks", "components"):
            positive_integer(name, getattr(self, name))
        if self.group_channels % 2:
            raise ValueError("group_channels: expected an even number, of which blocks use half, "
                             f"got {self.group_channels}")


class GroupNetwork(Module):
    """From the groups that are known, stacked as channels, to the parameters of the next group's pixels.

    Its residual blocks are those of the PixelCNN without masks: 1×1 to half the channels, 3×3, and 1×1 back.
    """

    def __init__(self, inputs, channels, blocks, outputs, rng):
        half = channels // 2
        self.first = Conv2d(inputs, channels, 3, rng)
        self.blocks = [[Conv(channels, half, HERE, rng), Conv2d(half, half, 3, rng), Conv(half, channels, HERE, rng)]
                       for _ in range(blocks)]
        self.last = Conv(channels, outputs, HERE, rng)

    def __call__(self, x):
        x = self.first(x)
        for narrow, middle, widen in self.blocks:
            x = x + widen(middle(narrow(x, rectify=True), rectify=True), rectify=True)
        return self.last(x, rectify=True)


class MultiscalePixelCNN(Autoregressive):
    """A multi-scale PixelCNN of binary or discrete images.

    Raises ValueError for extents that cannot be halved as often as there are scales but one.
    """

    Config = Config
    takes = Takes(kinds=("binary", "discrete"), rank=(3,))
    training = {"epochs": 20, "batch_size": 32, "schedule": "cosine", "ema": 0.999}

    def __init__(self, spec: DataSpec, config: Config | None = None, *, rng=0):
        super().__init__(spec, config)
        config = self.config
        rng = as_generator(rng)
        step = 2 ** (config.scales - 1)
        if spec.shape[0] % step or spec.shape[1] % step or min(spec.shape[:2]) < 3 * step:
            raise ValueError(f"{self.name}: {config.scales} scales need images (height, width, channels) of "
                             f"extents that are multiples of {step} and at least {3 * step}, got {spec.shape}")
        height, width = (extent // step for extent in spec.shape[:2])
        self.colours = spec.shape[2]
        small = min(height, width)
        first_size = min(7, small - 1 + small % 2)
        gated = GatedConfig(config.channels, config.layers, first_size, skip_channels=2 * config.channels)
        self.base = GatedPixelCNN(DataSpec((height, width, self.colours), spec.kind, spec.levels), gated, rng=rng)
        self.levels = self.base.levels
        # one logit for a binary pixel of one colour, else a mixture of discretised logistic distributions
        single = self.levels == 2 and self.colours == 1
        self.output = integer_head(2, Scaled(2)) if single else PixelMixtureHead(
            config.components, self.colours, self.levels)
        self.groups = [[GroupNetwork(self.colours * (1 + g), config.group_channels, config.blocks, self.output.width,
                                     rng) for g in range(len(GROUPS))] for _ in range(config.scales - 1)]

    def log_prob(self, x, condition=None):
        """log p(x) in nats, `(batch,)`: that of the smallest image, and of each group given those before it."""
        self.check_condition(condition, len(x))
        x = raw(check_batch(x, self.spec))
        total = self.base.log_prob(self._smallest(x))
        for pixels, parameters in self._groups(x):
            total = total + self.output.distribution(parameters, event_ndim=3).log_prob(pixels)
        return total

    def loss(self, batch, rng, step):
        """Minus the mean log-density of the batch."""
        log_prob = self.log_prob(batch.x, batch.condition).mean()
        return -log_prob, {"log_prob": log_prob}

    def sample(self, n, rng, condition=None, given=None, **options):
        """Draw the smallest image pixel by pixel, then each scale's three groups, all pixels of a group at once.

        Gives `(n, *spec.shape)`. Arguments as for `Model.sample`; what is given must be whole pixels, but in the
        smallest image.
        """
        return self.draw(n, rng, condition, given, **options)[0]

    @sampler
    def draw(self, request):
        """`sample`, and the parameters that each pixel was drawn from, as `conditionals` has them."""
        x = np.zeros((request.n, *self.spec.shape), np.uint8 if self.levels <= 256 else np.int64)
        smallest = self._smallest(x)
        smallest[...], logits = self.base.draw(
            request.n, request.rng, None, (self._smallest(request.values), self._smallest(request.observed)),
            temperature=request.temperature)
        parameters = [logits]
        step = 2 ** len(self.groups)
        for networks in self.groups:
            step //= 2
            whole = x[:, ::step, ::step]
            before = [whole[:, ::2, ::2]]
            for network, (row, column) in zip(networks, GROUPS, strict=True):
                values = request.values[:, row * step::2 * step, column * step::2 * step]
                observed = request.observed[:, row * step::2 * step, column * step::2 * step]
                parameters.append(np.asarray(raw(self._parameters(network, before))))
                pixels = self.output.sample(parameters[-1], request.rng, request.temperature)
                whole[:, row::2, column::2] = np.where(observed, values, pixels)
                before.append(whole[:, row::2, column::2])
        return x, parameters

    def conditionals(self, x, condition=None):
        """A list of parameters: the smallest image's logits, then those of each group, `(batch, h, w, …, width)`."""
        self.check_condition(condition, len(x))
        x = raw(check_batch(x, self.spec))
        return [self.base.conditionals(self._smallest(x)), *(parameters for _, parameters in self._groups(x))]

    @property
    def order(self):
        """The smallest image in raster order, then the groups of each scale from the smallest up."""
        return np.argsort(self.ranks(), kind="stable")

    def ranks(self):
        """The steps at which variables are drawn: all pixels of a group in one."""
        ranks = np.empty(self.spec.shape, np.int64)
        step = 2 ** len(self.groups)
        small = ranks[::step, ::step]
        small[...] = np.arange(small.size).reshape(small.shape)
        next_rank = small.size
        for _ in self.groups:
            step //= 2
            whole = ranks[::step, ::step]
            for row, column in GROUPS:
                whole[row::2, column::2] = next_rank
                next_rank += 1
        return ranks.reshape(-1)

    def check_given(self, n, given):
        """As for all models; ValueError also where only some colours are observed of a pixel that is drawn at once."""
        values, observed = super().check_given(n, given)
        if self.output.event_shape:
            by_pixel = observed.copy()
            self._smallest(by_pixel)[...] = False  # the smallest image's colours are drawn one after the other
            check_whole_pixels(by_pixel)
        return values, observed

    def _smallest(self, x):
        """The smallest image within `(batch, height, width, colours)`, a view."""
        step = 2 ** len(self.groups)
        return x[:, ::step, ::step]

    def _groups(self, x):
        """(pixels, parameters) of each group given those before it."""
        step = 2 ** len(self.groups)
        for networks in self.groups:
            step //= 2
            whole = x[:, ::step, ::step]
            groups = [whole[:, ::2, ::2]] + [whole[:, row::2, column::2] for row, column in GROUPS]
            for g, network in enumerate(networks):
                yield groups[g + 1], self._parameters(network, groups[:g + 1])

    def _parameters(self, network, groups):
        """Parameters of the next group, from those before it: `(batch, h, w, width)`, of bits `(batch, h, w, 1, 1)`."""
        stacked = array_module(groups[0]).concatenate(groups, axis=-1)  # (batch, h, w, colours · groups)
        parameters = network(self.output.code(stacked, self.dtype)[..., 0])
        return parameters if self.output.event_shape else ops.reshape(parameters, (*parameters.shape, 1))
