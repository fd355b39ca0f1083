"""Sampling a gated PixelCNN in PyTorch."""

import torch
from torch.nn import functional as F

from .. import inputs
from .pixels import create
from .sampling_vectors import pick
from .taps import TapConv


def matrix(conv: TapConv):
    """A convolution along a row as a matrix: the inputs of its taps from left to right, one after the other."""
    return conv.weight[:, :, 0].permute(2, 1, 0).reshape(-1, conv.weight.shape[0]).contiguous()


class Pixels:
    """The plain loop of models of binary images."""

    def __init__(self, name, extent, settings):
        self.extent, self.net, self.shape = extent, create(name, settings), (extent * extent, 1)
        self.net.requires_grad_(False)

    def data(self, n):
        """Examples whose values may be given."""
        return inputs.examples((self.extent, self.extent, 1), n)

    def plain(self, u, given, steps):
        """The whole network for each pixel."""
        n, size = len(u), self.extent
        x, logits = torch.full((n, 1, size, size), -1.0), torch.zeros(n, size * size)
        for k in range(steps):
            logits[:, k] = self.net(x)[:, 0, k // size, k % size]
            drawn = pick(u[:, k, 0], logits[:, k], None if given is None else given[:, k, 0])
            x[:, 0, k // size, k % size] = 2.0 * drawn - 1
        return (x + 1) / 2, logits


class Gated(Pixels):
    """A row of the vertical stack at once, before its first pixel; then the horizontal stack, pixel by pixel."""

    def __init__(self, extent, settings):
        super().__init__("gated_pixelcnn", extent, settings)
        layers = self.net.layers
        self.left = [matrix(layer.left) for layer in layers]
        self.out = [(matrix(layer.out), layer.out.bias) for layer in layers]
        self.skip = torch.cat([matrix(layer.skip) for layer in layers])
        self.skip_bias = sum(layer.skip.bias for layer in layers)
        self.head = [(matrix(conv), conv.bias) for conv in self.net.head]

    def rows(self, images, above, r):
        """What each layer's horizontal stack gets from above for row r: (columns, batch, channels)."""
        found, reach = [], self.net.layers[0].above.weight.shape[2]
        window = images[:, :, r:r + reach]  # starts with as many rows of zeros, and columns of zeros at both sides
        for i, layer in enumerate(self.net.layers):
            if i:
                window = above[i]
            y = F.conv2d(window, layer.above.weight, layer.above.bias)
            linked = F.conv2d(y, layer.link.weight, layer.left.bias)
            found.append(linked[:, :, 0].permute(2, 0, 1).contiguous())
            if i + 1 < len(self.net.layers):
                a, b = y.chunk(2, 1)
                following = above[i + 1]  # two rows: the one before, and this one
                following[:, :, 0] = following[:, :, 1]
                following[:, :, 1:, 1:-1] = torch.tanh(a) * torch.sigmoid(b)
        return found

    def cached(self, u, given):
        """Images and logits."""
        n, size, layers = len(u), self.extent, self.net.layers
        p, (reach, width) = layers[0].out.weight.shape[0], layers[0].above.weight.shape[2:]
        half, behind = width // 2, layers[0].left.weight.shape[3]
        images = torch.zeros(n, 1, reach + size, size + 2 * half)
        above = [torch.zeros(n, p, 2, size + 2) for _ in layers]
        gated, logits = torch.zeros(n, len(layers) * p), torch.zeros(size * size, n)
        parts = [gated[:, i * p:(i + 1) * p] for i in range(len(layers))]
        numbers = u[:, :, 0].T.contiguous()
        (hidden, hidden_bias), (top, top_bias) = self.head
        for r in range(size):
            context = self.rows(images, above, r)
            row = images[:, 0, reach + r]
            lines = [torch.zeros(n, (size + 1) * p) for _ in layers]  # each after a place of zeros
            for c in range(size):
                place = slice((c + 1) * p, (c + 2) * p)
                window, h = row[:, half + c - behind:half + c], None
                for i, (w, b) in enumerate(self.out):
                    if i:
                        window = lines[i][:, c * p:(c + 2) * p]
                    y = torch.addmm(context[i][c], window, self.left[i])
                    a, s = y.chunk(2, 1)
                    torch.mul(torch.tanh(a), torch.sigmoid(s), out=parts[i])
                    if i + 1 < len(layers):
                        y = torch.addmm(b, parts[i], w)
                        h = lines[i + 1][:, place].copy_(y if h is None else y.add_(h))
                y = torch.addmm(self.skip_bias, gated, self.skip).relu_()
                y = torch.addmm(hidden_bias, y, hidden).relu_()
                k = r * size + c
                logits[k] = torch.addmm(top_bias, y, top)[:, 0]
                row[:, half + c] = 2.0 * pick(numbers[k], logits[k], None if given is None else given[:, k, 0]) - 1
        return (images[:, 0, reach:, half:half + size] + 1) / 2, logits.T
