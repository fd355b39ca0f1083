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
from ...autograd.tensor import raw
from ...kernels.heads import CATEGORICAL, PIXEL, draw, pixel_rows
from ...layers import Conv, Conv2d, Module
from ...protocols import DataSpec
from ..settings import check_batch, check_size
from .autoregressive import Autoregressive
from .gated_pixel_cnn import Config as GatedConfig
from .gated_pixel_cnn import GatedPixelCNN
from .mixtures import check_whole_pixels, pixel_log_prob
from .pixels import HERE

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
            check_size(name, getattr(self, name))
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

    Raises ValueError for other data, and for extents that cannot be halved as often as there are scales but one.
    """

    Config = Config
    training = {"epochs": 20, "batch_size": 32, "schedule": "cosine", "ema": 0.999}

    def __init__(self, spec: DataSpec, config: Config, *, rng):
        rng, self.spec, self.config = as_generator(rng), spec, config
        if spec.condition is not None:
            raise ValueError("multiscale_pixel_cnn: it models p(x), not p(x | condition)")
        step = 2 ** (config.scales - 1)
        if len(spec.shape) != 3 or spec.shape[0] % step or spec.shape[1] % step or min(spec.shape[:2]) < 3 * step:
            raise ValueError(f"multiscale_pixel_cnn: {config.scales} scales need images (height, width, channels) of "
                             f"extents that are multiples of {step} and at least {3 * step}, got {spec.shape}")
        (height, width), self.colours = (extent // step for extent in spec.shape[:2]), spec.shape[2]
        small = min(height, width)
        first_size = min(7, small - 1 + small % 2)
        gated = GatedConfig(config.channels, config.layers, first_size, skip_channels=2 * config.channels)
        self.base = GatedPixelCNN(DataSpec((height, width, self.colours), spec.kind, spec.levels), gated, rng=rng)
        self.levels = self.base.levels
        # one logit for a binary pixel of one colour, else a mixture of discretised logistic distributions
        self.single = self.levels == 2 and self.colours == 1
        self.outputs = 1 if self.single else config.components * pixel_rows(self.colours)
        self.groups = [[GroupNetwork(self.colours * (1 + g), config.group_channels, config.blocks, self.outputs, rng)
                        for g in range(len(GROUPS))] for _ in range(config.scales - 1)]

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

    def log_prob(self, x, condition=None):
        """log p(x) in nats, `(batch,)`: the sum over scales and groups."""
        self._check_condition(0, condition)
        x = raw(check_batch(x, self.spec))
        step = 2 ** len(self.groups)
        total = self.base.log_prob(x[:, ::step, ::step])
        for target, parameters in self._group_parameters(x):
            total = total + self._group_log_prob(target, parameters).reshape(len(x), -1).sum(axis=-1)
        return total

    def conditionals(self, x, condition=None):
        """A list of parameters: the smallest image's logits, then those of each group, `(batch, h, w, outputs)`."""
        self._check_condition(0, condition)
        x = raw(check_batch(x, self.spec))
        step = 2 ** len(self.groups)
        return [self.base.conditionals(x[:, ::step, ::step]), *(found for _, found in self._group_parameters(x))]

    def _group_parameters(self, x):
        """(pixels, parameters) of each group given those before it."""
        step = 2 ** len(self.groups)
        for networks in self.groups:
            step //= 2
            whole = x[:, ::step, ::step]
            parts = [whole[:, ::2, ::2]] + [whole[:, row::2, column::2] for row, column in GROUPS]
            for g, network in enumerate(networks):
                yield parts[g + 1], network(self._stacked(parts[:g + 1]))

    def _stacked(self, parts):
        """Groups side by side as channels, scaled to [-1, 1]."""
        return self.base._scaled(array_module(parts[0]).concatenate(parts, axis=-1))

    def _group_log_prob(self, x, parameters):
        if self.single:
            return ops.log_sigmoid((2 * x.astype(parameters.dtype) - 1) * parameters)
        return pixel_log_prob(x, parameters, self.config.components, self.levels)

    def _check_given(self, n, given):
        values, observed = super()._check_given(n, given)
        if observed is not None and not self.single:
            step, by_pixel = 2 ** len(self.groups), observed.copy()
            by_pixel[:, ::step, ::step] = False  # the smallest image's colours are drawn one after the other
            check_whole_pixels(by_pixel)
        return values, observed

    def _draw(self, n, rng, condition, values, observed):
        step = 2 ** len(self.groups)
        x = np.zeros((n, *self.spec.shape), np.uint8 if self.levels <= 256 else np.int64)
        given = None if values is None else (values[:, ::step, ::step], observed[:, ::step, ::step])
        x[:, ::step, ::step], logits = self.base.draw(n, rng, None, given)
        found = [logits]
        for networks in self.groups:
            step //= 2
            whole = x[:, ::step, ::step]
            parts = [whole[:, ::2, ::2]]
            for network, (row, column) in zip(networks, GROUPS, strict=True):
                parameters = np.asarray(raw(network(self._stacked(parts))))
                part = self._draw_group(parameters, rng)
                if values is not None:
                    here = (slice(None), slice(row * step, None, 2 * step), slice(column * step, None, 2 * step))
                    part = np.where(observed[here], values[here], part)
                whole[:, row::2, column::2] = part
                parts.append(whole[:, row::2, column::2])
                found.append(parameters)
        return x, found

    def _draw_group(self, parameters, rng):
        flat = parameters.reshape(-1, self.outputs)
        noise = rng.random((len(flat), 1 if self.single else 1 + self.colours), flat.dtype)
        drawn = draw(CATEGORICAL if self.single else PIXEL, flat.copy(), noise, self.levels)
        return drawn.reshape(*parameters.shape[:-1], self.colours)
