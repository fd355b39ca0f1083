"""Convolutions of images in PyTorch of which only some taps of a box are live, with minigen's weights."""

import torch
from torch.nn import functional as F


class TapConv(torch.nn.Module):
    """A convolution by the smallest box that holds the taps, padded so that taps are where they should be.

    Of a box with dead taps the weight is multiplied by a mask; `square` pads with dead taps up to a centred square, the
    masked convolution as everyone writes it. What it computes beyond the extents of its result is cut off.
    """

    def __init__(self, layer, stride=1, square=False):
        super().__init__()
        rows, columns = ([tap[axis] for tap in layer.taps] for axis in (0, 1))
        if square:
            half = max(map(abs, rows + columns))
            rows, columns = [-half, half], [-half, half]
        self.low, size = (min(rows), min(columns)), (max(rows) - min(rows) + 1, max(columns) - min(columns) + 1)
        self.stride, self.places = stride, [(i - self.low[0], j - self.low[1]) for i, j in layer.taps]
        # rows and columns that come first are padding; so many after the last tap's reach
        self.padding = (max(0, -self.low[0]), max(0, -self.low[1]))
        self.weight = torch.nn.Parameter(torch.zeros(layer.outputs, layer.inputs, *size))
        self.bias = torch.nn.Parameter(torch.zeros(layer.outputs)) if layer.bias else None
        mask = torch.zeros(size)
        for place in self.places:
            mask[place] = 1
        self.register_buffer("mask", mask if not mask.all() else None)

    def forward(self, x):
        """(batch, inputs, height, width) to the same extents over the stride."""
        weight = self.weight if self.mask is None else self.weight * self.mask
        height, width = (-(-n // self.stride) for n in x.shape[2:])
        return F.conv2d(x, weight, self.bias, self.stride, self.padding)[:, :, :height, :width]

    def load(self, weight):
        """Take minigen's weight (taps, inputs, outputs)."""
        for (i, j), w in zip(self.places, torch.from_numpy(weight), strict=True):
            self.weight[:, :, i, j] = w.T

    def live(self):
        """minigen's weight."""
        return torch.stack([self.weight[:, :, i, j].T for i, j in self.places])


class TapConvTranspose(TapConv):
    """The adjoint of a strided convolution: each input adds to a box of outputs from stride·p + low on."""

    def forward(self, x):
        """(batch, inputs, height, width) to the extents times the stride."""
        size, extents = self.weight.shape[2:], [n * self.stride for n in x.shape[2:]]
        extra = [n - ((m - 1) * self.stride - 2 * p + k)
                 for n, m, p, k in zip(extents, x.shape[2:], self.padding, size, strict=True)]
        return F.conv_transpose2d(x, self.weight.transpose(0, 1), self.bias, self.stride, self.padding, extra)


def load(module, start):
    """Copy parameters with minigen's names and layout into a module's convolutions."""
    with torch.no_grad():
        for name, part in module.named_modules():
            if isinstance(part, TapConv):
                part.load(start[f"{name}.weight"])
                if part.bias is not None:
                    part.bias.copy_(torch.from_numpy(start[f"{name}.bias"]))


def values(module):
    """The parameters in minigen's layout, as NumPy arrays."""
    found = {}
    for name, part in module.named_modules():
        if isinstance(part, TapConv):
            found[f"{name}.weight"] = part.live().detach().numpy().copy()
            if part.bias is not None:
                found[f"{name}.bias"] = part.bias.detach().numpy().copy()
    return found
