"""Cases of the convolutions, whose references are written out in loops; see `cases`."""

from __future__ import annotations

import itertools

import numpy as np

from minigen import ops
from ops.cases import case
from ops.source import Example


def meetings(taps, stride, extents):
    """All (t, place in x, place in y) that a convolution brings together."""
    for place in itertools.product(*(range(-(-n // stride)) for n in extents)):
        for t, tap in enumerate(taps):
            read = tuple(stride * p + offset for p, offset in zip(place, tap, strict=True))
            if all(0 <= r < n for r, n in zip(read, extents, strict=True)):
                yield t, read, place


def draw(source):
    """Taps, a stride, x's extents, y's extents, and numbers of batch and channels."""
    rank = source.integer(1, 2)
    taps = [tuple(source.integer(-3, 3) for _ in range(rank)) for _ in range(source.integer(0, 3))]
    stride = source.integer(1, 3)
    extents = tuple(source.extent() for _ in range(rank))
    small = tuple(-(-n // stride) for n in extents)
    return taps, stride, extents, small, (source.extent(), source.extent(), source.extent())


@case("conv", "affine_conv")
def _conv(source, name):
    taps, stride, extents, small, (batch, channels_in, channels_out) = draw(source)

    rectify = name == "affine_conv" and source.boolean()

    def reference(x, w, bias=0.0):
        y = np.zeros((batch, *small, channels_out), np.result_type(x, w)) + bias
        for t, read, place in meetings(taps, stride, extents):
            for b, i, o in itertools.product(range(batch), range(channels_in), range(channels_out)):
                value = x[(b, *read, i)]
                y[(b, *place, o)] += (0 if rectify and value < 0 else value) * w[t, i, o]
        return y

    draw_x = source.apart if rectify else source.values
    args = [draw_x((batch, *extents, channels_in)), source.values((len(taps), channels_in, channels_out))]
    if name == "conv":
        return Example(args, lambda x, w: ops.conv(x, w, taps, stride), reference)
    args.append(source.values((channels_out,)))
    return Example(args, lambda x, w, bias: ops.conv(x, w, taps, stride, bias, rectify), reference)


@case("conv_transpose")
def _conv_transpose(source, name):
    taps, stride, extents, small, (batch, channels_in, channels_out) = draw(source)
    implicit = source.boolean()
    if implicit:
        extents = tuple(stride * n for n in small)

    def reference(y, w):
        x = np.zeros((batch, *extents, channels_in), np.result_type(y, w))
        for t, read, place in meetings(taps, stride, extents):
            for b, i, o in itertools.product(range(batch), range(channels_in), range(channels_out)):
                x[(b, *read, i)] += y[(b, *place, o)] * w[t, i, o]
        return x

    args = [source.values((batch, *small, channels_out)), source.values((len(taps), channels_in, channels_out))]
    return Example(args, lambda y, w: ops.conv_transpose(y, w, taps, stride, None if implicit else extents), reference)


@case("conv_weight")
def _conv_weight(source, name):
    taps, stride, extents, small, (batch, channels_in, channels_out) = draw(source)

    def reference(x, y):
        w = np.zeros((len(taps), channels_in, channels_out), np.result_type(x, y))
        for t, read, place in meetings(taps, stride, extents):
            for b, i, o in itertools.product(range(batch), range(channels_in), range(channels_out)):
                w[t, i, o] += x[(b, *read, i)] * y[(b, *place, o)]
        return w

    args = [source.values((batch, *extents, channels_in)), source.values((batch, *small, channels_out))]
    return Example(args, lambda x, y: ops.conv_weight(x, y, taps, stride), reference)
