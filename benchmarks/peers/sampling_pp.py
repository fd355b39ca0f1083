"""Sampling a PixelCNN++ in PyTorch: what depends on earlier rows a row at a time, the rest pixel by pixel."""

import torch
from torch.nn import functional as F

from .. import inputs
from .pixels import both, create

LEVELS, COLOURS = 256, 3


class Rows:
    """A convolution within the stream that sees rows above, which computes one row after the other."""

    def __init__(self, conv, n, width):
        self.conv, self.seen = conv, torch.zeros(n, conv.weight.shape[1], 2, width + 2)

    def __call__(self, x):
        """x and the result (batch, channels, 1, width)."""
        self.seen[:, :, 0] = self.seen[:, :, 1]
        self.seen[:, :, 1:, 1:-1] = x
        return F.conv2d(self.seen, self.conv.weight, self.conv.bias, self.conv.stride)


class Line:
    """A 2×2 convolution within the stream that sees all before: the row above at once, then place after place."""

    def __init__(self, conv, n, width):
        weight = conv.weight
        self.bias, self.size = conv.bias, weight.shape[1]
        self.top, self.bottom = (weight[:, :, i].permute(2, 1, 0).reshape(-1, len(weight)).contiguous()
                                 for i in range(2))
        self.line, self.above = torch.zeros(n, (width + 1) * self.size), None  # after a place of zeros

    def begin(self, more=None):
        """Go on to the next row; `more` (width, batch, outputs) is added to it."""
        windows = self.line.unfold(1, 2 * self.size, self.size).transpose(0, 1)
        self.above = torch.matmul(windows, self.top) + (self.bias if more is None else more + self.bias)

    def __call__(self, x, c):
        """both(x) at place c."""
        m = self.size
        torch.cat([x, -x], 1, out=self.line[:, (c + 1) * m:(c + 2) * m])
        F.elu_(self.line[:, (c + 1) * m:(c + 2) * m])
        return torch.addmm(self.above[c], self.line[:, c * m:(c + 2) * m], self.bottom)


class Pair:
    """A block of each stream."""

    def __init__(self, blocks, n, width):
        above, before = blocks
        self.first, self.second = Rows(above.first, n, width), Rows(above.second, n, width)
        self.aside, self.from_above = above.aside, before.aside.weight
        self.before = Line(before.first, n, width), Line(before.second, n, width)
        if self.aside is not None:  # of both(above and the short cut): what comes from above, and from the short cut
            parts = self.from_above.chunk(4, 1)
            self.from_above = torch.cat([parts[0], parts[2]], 1)
            self.from_before = torch.cat([parts[1], parts[3]], 1)[:, :, 0, 0].T.contiguous()

    def row(self, x, aside=None):
        """The next row of the stream above (batch, channels, 1, width)."""
        hidden = self.first(both(x))
        if aside is not None:
            hidden = hidden + self.aside(both(aside))
        x = x + F.glu(self.second(both(hidden)), 1)
        self.before[0].begin(F.conv2d(both(x), self.from_above)[:, :, 0].permute(2, 0, 1))
        self.before[1].begin()
        return x

    def pixel(self, x, c, aside=None):
        """The next pixel of the other stream (batch, channels)."""
        hidden = self.before[0](x, c)
        if aside is not None:
            hidden = torch.addmm(hidden, both(aside), self.from_before)
        return x + F.glu(self.before[1](hidden, c), 1)


class Scale:
    """One of the scales: its blocks down and up, and how it is reached from the next larger and the next smaller."""

    def __init__(self, net, s, scales, n, width):
        self.down = [Pair(pair, n, width) for pair in net.down[s]]
        self.up = [Pair(pair, n, width) for pair in net.up[scales - 1 - s]]
        self.halve = self.double = None
        if s:
            above, before = net.halve[s - 1]
            self.halve = Rows(above, n, 2 * width)
            self.halve_before = before.weight.permute(2, 3, 1, 0).reshape(-1, len(before.weight)), before.bias
        if s + 1 < scales:
            above, before = net._modules["double"][scales - 2 - s]
            self.double = above
            self.double_before = before.weight.permute(2, 3, 1, 0).contiguous(), before.bias
        channels = net.head.weight.shape[1]
        self.doubled = None  # rows of the stream above that the next smaller scale gave
        self.kept = torch.zeros(2, width + 1, n, channels)  # the row before and this one, where the smaller scale reads
        self.result = torch.zeros(width, n, channels)


class PlusPlus:
    """PixelCNN++ of three colours."""

    def __init__(self, extent, settings):
        self.extent, self.net, self.shape = extent, create("pixelcnn_pp", settings), (extent * extent, 1 + COLOURS)
        self.net.requires_grad_(False)

    def data(self, n):
        """Examples whose values may be given."""
        return inputs.examples((self.extent, self.extent, COLOURS), n, LEVELS)

    def results(self, n):
        """Room for the values and parameters of all pixels."""
        return torch.zeros(n, self.shape[0], COLOURS), torch.zeros(n, self.shape[0], len(self.net.head.bias))

    def plain(self, u, given, steps):
        """The whole network for each pixel."""
        n, size = len(u), self.extent
        x = torch.zeros(n, COLOURS, size, size)
        values, parameters = self.results(n)
        for k in range(steps):
            parameters[:, k] = self.net(x)[:, :, k // size, k % size]
            values[:, k] = draw(u[:, k], parameters[:, k]) if given is None else given[:, k]
            x[:, :, k // size, k % size] = values[:, k] * (2 / (LEVELS - 1)) - 1
        return values, parameters

    def cached(self, u, given):
        """Values and parameters."""
        n, size, net = len(u), self.extent, self.net
        scales = [Scale(net, s, len(net.down), n, size >> s) for s in range(len(net.down))]
        image = torch.zeros(n, COLOURS + 1, 2 + size, size + 2)  # after two rows of zeros, with one column at each side
        left, head = net.first_left.weight, net.head.weight[:, :, 0, 0].T.contiguous()
        values, parameters = self.results(n)
        for r in range(size):
            above = F.conv2d(image[:, :, r:r + 2], net.first_above.weight, net.first_above.bias)
            self.start_row(scales, above, r)
            start = F.conv2d(image[:, :, r + 1:r + 2], net.first_row.weight, net.first_row.bias)
            start = start + F.conv2d(image[:, :, r + 1:r + 2, :-2], left[:, :, :1], net.first_left.bias)
            start, beside = start[:, :, 0].permute(2, 0, 1).contiguous(), left[:, :, 1, 0].T.contiguous()
            image[:, COLOURS, r + 2, 1:-1] = 1
            for c in range(size):
                x = torch.addmm(start[c], image[:, :, r + 2, c], beside)
                x, k = self.pixel(scales, x, r, c), r * size + c
                torch.addmm(net.head.bias, F.elu(x), head, out=parameters[:, k])
                values[:, k] = draw(u[:, k], parameters[:, k]) if given is None else given[:, k]
                image[:, :COLOURS, r + 2, c + 1] = values[:, k] * (2 / (LEVELS - 1)) - 1
        return values, parameters

    def start_row(self, scales, above, r):
        """All of the stream above that row r's pixels need."""
        kept = []
        for s, scale in enumerate(scales):
            if s:
                halved = scale.halve(above)
                if r % (1 << s):
                    break
                above = halved
            scale_kept = [above]
            for pair in scale.down:
                above = pair.row(above)
                scale_kept.append(above)
            kept.append(scale_kept)
        for s in reversed(range(len(scales))):
            scale = scales[s]
            if s + 1 < len(scales):
                at = (r >> s) % 2
                if s >= len(kept):
                    continue
                if at == 0:
                    scale.doubled = scale.double(above)
                above = scale.doubled[:, :, at:at + 1]
            elif s >= len(kept):
                continue
            else:
                kept[s].pop()
            for pair in scale.up:
                above = pair.row(above, kept[s].pop())

    def pixel(self, scales, x, r, c):
        """The stream that sees all before, at a pixel."""
        kept = []
        for s, scale in enumerate(scales):
            if s:
                larger, (weight, bias) = scales[s - 1], scale.halve_before
                if (r | c) % (1 << s):
                    break
                at = c >> (s - 1)
                window = larger.kept[:, at:at + 2].permute(2, 0, 1, 3).reshape(x.shape[0], -1)
                x = torch.addmm(bias, window, weight)
            scale_kept = [x]
            for pair in scale.down:
                x = pair.pixel(x, c >> s)
                scale_kept.append(x)
            kept.append(scale_kept)
            if s + 1 < len(scales):
                place = c >> s
                if place == 0:
                    scale.kept[0] = scale.kept[1]
                scale.kept[1, place + 1] = x
        for s in reversed(range(len(kept))):
            scale, row, column = scales[s], r >> s, c >> s
            if s + 1 < len(scales):
                weight, bias = scale.double_before
                x = torch.addmm(bias, scales[s + 1].result[column // 2], weight[row % 2, column % 2])
            else:
                kept[s].pop()
            for pair in scale.up:
                x = pair.pixel(x, column, kept[s].pop())
            scale.result[column] = x
        return x


def draw(u, parameters):
    """Levels of all colours (batch, colours) from uniform numbers (batch, 1 + colours) and a mixture's parameters."""
    rows = parameters.view(len(parameters), 10, -1)
    weights = torch.softmax(rows[:, 0], 1).cumsum(1)
    k = (weights[:, :-1] <= u[:, :1]).sum(1)
    own = rows.gather(2, k[:, None, None].expand(-1, 10, 1))[:, :, 0]
    noise = torch.logit(u[:, 1:].clamp(min=1e-30)) * torch.exp(own[:, (2, 4, 7)].clamp(min=-7.0))
    coefficients, found = torch.tanh(own[:, (5, 8, 9)]), []
    for c, loc in enumerate(own[:, (1, 3, 6)].unbind(1)):
        if c == 1:
            loc = loc + coefficients[:, 0] * found[0]
        elif c == 2:
            loc = loc + coefficients[:, 1] * found[0] + coefficients[:, 2] * found[1]
        found.append(level(loc + noise[:, c]) * (2 / (LEVELS - 1)) - 1)
    return torch.round((torch.stack(found, 1) + 1) * ((LEVELS - 1) / 2))


def level(value):
    """The level next to a number that 0 … LEVELS - 1 scaled to [-1, 1] stand for."""
    return torch.round((value + 1) * ((LEVELS - 1) / 2)).clamp(0, LEVELS - 1)
