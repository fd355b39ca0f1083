"""PixelCNN, gated PixelCNN and PixelCNN++ in PyTorch.

The PixelCNN multiplies weights by masks; the other two shift and crop ordinary convolutions, which is faster.
"""

import torch
from torch import nn
from torch.nn import functional as F

from .. import inputs, networks
from .taps import TapConv, TapConvTranspose, load, values
from .training import training


class Block(nn.Module):
    """A residual block of the PixelCNN."""

    def __init__(self, layers, name):
        super().__init__()
        self.narrow, self.masked, self.widen = (
            TapConv(layers[f"{name}.{part}"], square=part == "masked") for part in ("narrow", "masked", "widen"))

    def forward(self, x):
        """(batch, channels, height, width) to the same."""
        return x + self.widen(F.relu(self.masked(F.relu(self.narrow(F.relu(x))))))


class PixelCNN(nn.Module):
    """A stack of masked squares, to logits of one binary colour."""

    def __init__(self, **settings):
        super().__init__()
        layers = networks.pixelcnn(**settings)
        self.first = TapConv(layers["first"], square=True)
        self.blocks = nn.ModuleList([Block(layers, f"blocks.{i}") for i in range((len(layers) - 3) // 3)])
        self.head = nn.ModuleList([TapConv(layers[f"head.{i}"]) for i in range(2)])

    def forward(self, x):
        """Images scaled to [-1, 1] to the parameters of each pixel."""
        x = self.first(x)
        for block in self.blocks:
            x = block(x)
        return self.head[1](F.relu(self.head[0](F.relu(x))))


class GatedLayer(nn.Module):
    """A layer of the gated PixelCNN's two stacks."""

    def __init__(self, layers, name, first):
        super().__init__()
        self.residual = not first
        self.above, self.link, self.left, self.skip, self.out = (
            TapConv(layers[f"{name}.{part}"]) for part in ("above", "link", "left", "skip", "out"))

    def forward(self, vertical, horizontal):
        """The two stacks and what is added to the skips."""
        above = self.above(vertical)
        gated = gate(self.left(horizontal) + self.link(above))
        out = self.out(gated)
        return gate(above), horizontal + out if self.residual else out, self.skip(gated)


class GatedPixelCNN(nn.Module):
    """Vertical and horizontal stacks, to logits of one binary colour."""

    def __init__(self, **settings):
        super().__init__()
        layers = networks.gated_pixelcnn(**settings)
        self.layers = nn.ModuleList([GatedLayer(layers, f"layers.{i}", i == 0) for i in range((len(layers) - 2) // 5)])
        self.head = nn.ModuleList([TapConv(layers[f"head.{i}"]) for i in range(2)])

    def forward(self, x):
        """Images scaled to [-1, 1] to the parameters of each pixel."""
        vertical = horizontal = x
        skips = 0
        for layer in self.layers:
            vertical, horizontal, skip = layer(vertical, horizontal)
            skips = skips + skip
        return self.head[1](F.relu(self.head[0](F.relu(skips))))


class GatedBlock(nn.Module):
    """A residual block of the PixelCNN++."""

    def __init__(self, layers, name):
        super().__init__()
        self.first, self.second = TapConv(layers[f"{name}.first"]), TapConv(layers[f"{name}.second"])
        self.aside = TapConv(layers[f"{name}.aside"]) if f"{name}.aside" in layers else None

    def forward(self, x, aside=None):
        """x plus what is gated."""
        hidden = self.first(both(x))
        if aside is not None:
            hidden = hidden + self.aside(both(aside))
        return x + F.glu(self.second(both(hidden)), 1)


class PixelCNNPP(nn.Module):
    """Two streams down and up three scales, to the parameters of each pixel's mixture."""

    def __init__(self, blocks=5, scales=3, **settings):
        super().__init__()
        layers = networks.pixelcnn_pp(blocks=blocks, scales=scales, **settings)
        self.first_above, self.first_row, self.first_left, self.head = (
            TapConv(layers[name]) for name in ("first_above", "first_row", "first_left", "head"))

        def pairs(way, scale, count):
            return nn.ModuleList([nn.ModuleList([GatedBlock(layers, f"{way}.{scale}.{b}.{i}") for i in range(2)])
                                  for b in range(count)])

        self.down = nn.ModuleList([pairs("down", s, blocks) for s in range(scales)])
        self.up = nn.ModuleList([pairs("up", s, blocks + (s > 0)) for s in range(scales)])
        for name, kind in (("halve", TapConv), ("double", TapConvTranspose)):  # a Module has a method `double`
            self._modules[name] = nn.ModuleList([
                nn.ModuleList([kind(layers[f"{name}.{s}.{i}"], stride=2) for i in range(2)])
                for s in range(scales - 1)])

    def forward(self, x):
        """Images scaled to [-1, 1] to the parameters of each pixel."""
        x = F.pad(x, (0, 0, 0, 0, 0, 1), value=1.0)
        above, before = self.first_above(x), self.first_row(x) + self.first_left(x)
        kept = [(above, before)]
        for scale, blocks in enumerate(self.down):
            if scale:
                above, before = (halve(y) for halve, y in zip(self.halve[scale - 1], (above, before), strict=True))
                kept.append((above, before))
            for first, second in blocks:
                above = first(above)
                before = second(before, above)
                kept.append((above, before))
        above, before = kept.pop()
        for scale, blocks in enumerate(self.up):
            if scale:
                above, before = (double(y) for double, y in
                                 zip(self._modules["double"][scale - 1], (above, before), strict=True))
            for first, second in blocks:
                aside_above, aside_before = kept.pop()
                above = first(above, aside_above)
                before = second(before, torch.cat([above, aside_before], 1))
        return self.head(F.elu(before))


def gate(x):
    """tanh of the first half of the channels times the sigmoid of the second."""
    a, b = x.chunk(2, 1)
    return torch.tanh(a) * torch.sigmoid(b)


def both(x):
    """elu of x and of -x, in twice the channels."""
    return F.elu(torch.cat([x, -x], 1))


def mixture_loss(x, parameters, levels=256):
    """Minus the mean log-probability of scaled images of three colours, as the paper's authors compute it."""
    batch, _, height, width = parameters.shape
    rows = parameters.view(batch, 10, -1, height, width)  # of each component
    logits, red, green, blue = rows[:, 0], x[:, :1], x[:, 1:2], x[:, 2:]
    coefficients = torch.tanh(rows[:, (5, 8, 9)])
    loc = torch.stack([rows[:, 1], rows[:, 3] + coefficients[:, 0] * red,
                       rows[:, 6] + coefficients[:, 1] * red + coefficients[:, 2] * green], 1)
    log_scale = rows[:, (2, 4, 7)].clamp(min=-7.0)
    half, inverse, value = 1 / (levels - 1), torch.exp(-log_scale), torch.stack([red, green, blue], 1)
    centred = value - loc
    upper, lower = inverse * (centred + half), inverse * (centred - half)
    mass = torch.sigmoid(upper) - torch.sigmoid(lower)
    middle = inverse * centred
    narrow = middle - log_scale - 2 * F.softplus(middle) - torch.log(torch.tensor((levels - 1) / 2))
    inside = torch.where(mass > 1e-5, torch.log(mass.clamp(min=1e-12)), narrow)
    log_mass = torch.where(value < -0.999, upper - F.softplus(upper),
                           torch.where(value > 0.999, -F.softplus(lower), inside))
    log_prob = torch.logsumexp(log_mass.sum(1) + F.log_softmax(logits, 1), 1)
    return -log_prob.sum() / batch


NETS = {"pixelcnn": PixelCNN, "gated_pixelcnn": GatedPixelCNN, "pixelcnn_pp": PixelCNNPP}


def create(name, settings):
    """The network with the benchmark's parameters."""
    net = NETS[name](**settings).to(getattr(torch, inputs.DTYPE))
    load(net, networks.parameters(getattr(networks, name)(**settings)))
    return net.to(memory_format=torch.channels_last)


def scaled(data, levels):
    """Images (batch, height, width, colours) of integers as the network takes them."""
    x = torch.from_numpy(data).permute(0, 3, 1, 2).to(getattr(torch, inputs.DTYPE))
    return x * (2 / (levels - 1)) - 1


def build(name, batch, extent=28, settings=None, variant="eager"):
    """A training step."""
    net, levels, colours = create(name, settings or {}), *((256, 3) if name == "pixelcnn_pp" else (2, 1))
    data = inputs.examples((extent, extent, colours), batch, levels if colours > 1 else None)

    def loss():  # a batch as a data set holds it, integers, is scaled in the step on both sides
        x = scaled(data, levels)
        if colours > 1:
            return mixture_loss(x, net(x), levels)
        return F.binary_cross_entropy_with_logits(net(x), (x > 0).to(x.dtype), reduction="sum") / batch

    work = training(net, loss, lambda: (), variant)
    work.values = lambda: values(net)
    return work
