"""Convolution as a sum of matrix products, one for each tap.

A tap is an offset: with it the output at position p reads the input at stride·p + tap. The input x is zero outside its
extent, and with a weight matrix w[t] for each tap the output is

    y[p] = Σₜ x[stride·p + tapₜ] @ w[t]

There are four kernels. `conv` computes y. `conv_transpose` is its adjoint as a function of x, and `conv_weight` is its
gradient by w: the derivatives of each of these three are the other two. `conv_vjp` computes both gradients of a `conv`
at once.

How to read this
----------------
Read the references first, down to `_example`. They go through the taps: `windows` says which part of x a tap reads and
which part of y it writes, and one matrix product does the rest. The compiled versions below them avoid one pass over
the data for each tap. They say which neighbourhood the output sees (`gather.neighbourhood`), and `gather.products`
multiplies it, in one of two ways: with many channels row by row where the data lie (`direct`), with few channels in
blocks that are gathered first (`gather`). Last come the launchers for a GPU, which gather blocks too.

Memory: a thread needs at most two blocks of `gather.BLOCK_BYTES`, and for a gradient by w two arrays of w's size. All
threads together need one copy of w, and with relu(x) and several taps one array of x's size. A strided
`conv_transpose` makes its result in stride^rank pieces, one after the other. Taps that never meet x cost nothing.
"""

import functools
import itertools
import math

import numpy as np

from ...arrays import array_module
from ..machinery import cuda
from ..machinery.dispatch import kernel
from ..machinery.examples import Example
from ..rectifiers import relu as rectified
from ..rectifiers import relu_vjp
from .gather import neighbourhood, products


def windows(taps, extents, stride):
    """For each tap the slices of x that it reads and the slices of y that it writes, or None if it never meets x."""
    for tap in taps:
        reads, writes = [], []
        for offset, extent in zip(tap, extents, strict=True):
            first = max(0, -(offset // stride))  # the least p with stride·p + offset ≥ 0
            last = min(-(-extent // stride), (extent - 1 - offset) // stride + 1)
            if last <= first:
                break
            start = stride * first + offset
            reads.append(slice(start, start + stride * (last - first - 1) + 1, stride))
            writes.append(slice(first, last))
        yield (((slice(None), *reads), (slice(None), *writes)) if len(reads) == len(extents) else None)


@kernel
def conv(x, w, taps, stride, bias=None, relu=False):
    """y[p] = bias + Σₜ x[stride·p + tapₜ] @ w[t], of extents ⌈extent / stride⌉; with `relu` of max(x, 0)."""
    x = rectified(x) if relu else x
    extents = x.shape[1:-1]
    space = tuple(-(-extent // stride) for extent in extents)
    y = array_module(x, w).zeros((x.shape[0], *space, w.shape[-1]), _dtype(x, w))
    for t, window in enumerate(windows(taps, extents, stride)):
        if window is not None:
            reads, writes = window
            y[writes] += x[reads] @ w[t]
    return y if bias is None else y + bias


@conv.example
def _(make):
    x, _, w, taps, stride, operations = _example(make)
    bias, relu = (None, False) if make.elements else (make.standard(w.shape[-1:]), make.boolean())
    return Example(x, w, taps, stride, bias, relu, operations=operations)


@kernel
def conv_transpose(y, w, taps, stride, extents):
    """x of these extents, where x[q] is the sum of y[p] @ w[t]ᵀ over all p and t with stride·p + tapₜ = q."""
    x = array_module(y, w).zeros((y.shape[0], *extents, w.shape[1]), _dtype(y, w))
    for t, window in enumerate(windows(taps, extents, stride)):
        if window is not None:
            reads, writes = window
            x[reads] += y[writes] @ w[t].T
    return x


@conv_transpose.example
def _(make):
    x, y, w, taps, stride, operations = _example(make)
    return Example(y, w, taps, stride, x.shape[1:-1], operations=operations)


@kernel
def conv_weight(x, y, taps, stride):
    """w[t] = Σ x[stride·p + tapₜ]ᵀ y[p], summed over the batch and over positions p."""
    xp = array_module(x, y)
    w = xp.zeros((len(taps), x.shape[-1], y.shape[-1]), _dtype(x, y))
    for t, window in enumerate(windows(taps, x.shape[1:-1], stride)):
        if window is not None:
            reads, writes = window
            a, b = x[reads], y[writes]
            rows = math.prod(a.shape[:-1])
            w[t] = a.reshape(rows, x.shape[-1]).T @ b.reshape(rows, y.shape[-1])
    return w


@conv_weight.example
def _(make):
    x, y, _, taps, stride, operations = _example(make)
    return Example(x, y, taps, stride, operations=operations)


@kernel
def conv_vjp(g, x, w, taps, stride, relu=False):
    """The gradients of a `conv` by x and by w, from its gradient g by y; with `relu` of a `conv` of max(x, 0)."""
    gx = conv_transpose(g, w, taps, stride, x.shape[1:-1])
    if not relu:
        return gx, conv_weight(x, g, taps, stride)
    x = rectified(x)
    return relu_vjp(gx, x), conv_weight(x, g, taps, stride)


@conv_vjp.example
def _(make):
    x, y, w, taps, stride, operations = _example(make)
    return Example(y, x, w, taps, stride, not make.elements and make.boolean(), operations=2 * operations)


def _example(make):
    """x, y, w, taps, stride and operations of a masked 3 × 3 convolution of 32 channels, or a small one of any taps."""
    taps, extents, stride = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 0)), (28, 28), 1
    batch, channels_in, channels_out = make.count(28 * 28 * 32), make.size(32), make.size(32)
    if not make.elements:
        rank = make.integer(1, 3)
        extents, stride = tuple(make.extent(1) for _ in range(rank)), make.integer(1, 3)
        taps = tuple(tuple(make.integer(-3, 3) for _ in range(rank)) for _ in range(make.integer(1, 4)))
    space = tuple(-(-extent // stride) for extent in extents)
    met = sum(np.empty(extents)[window[0][1:]].size for window in windows(taps, extents, stride) if window)
    return (make.standard((batch, *extents, channels_in)), make.standard((batch, *space, channels_out)),
            make.standard((len(taps), channels_in, channels_out)), taps, stride,
            2 * batch * met * channels_in * channels_out)


@conv.compiled(above=2048)
def _(x, w, taps, stride, bias=None, relu=False):
    if not _covered(x, w, *(() if bias is None else (bias,))):
        return NotImplemented
    if relu and len(taps) > 1:  # several taps read a row: take its maximum with 0 once
        x, relu = rectified(x), False
    extents = x.shape[1:-1]
    space = tuple(-(-extent // stride) for extent in extents)
    shape = neighbourhood(taps, stride, extents, space, x.shape[-1])
    return products(np.ascontiguousarray(x), shape, np.ascontiguousarray(w), None, bias, relu)[0]


@conv_transpose.compiled(above=2048)
def _(y, w, taps, stride, extents):
    if not _covered(y, w):
        return NotImplemented
    y, space, adjoint = np.ascontiguousarray(y), y.shape[1:-1], _adjoint(w)
    if stride == 1:
        return products(y, neighbourhood(_negated(taps), 1, space, extents, y.shape[-1]), adjoint)[0]
    # For each phase the positions stride·a + phase of x are a plain convolution of y with the taps that lead there.
    x = np.empty((y.shape[0], *extents, w.shape[1]), y.dtype)
    for phase in itertools.product(range(stride), repeat=len(extents)):
        chosen = [t for t, tap in enumerate(taps)
                  if all((o - r) % stride == 0 for o, r in zip(tap, phase, strict=True))]
        leading = tuple(tuple((r - o) // stride for o, r in zip(taps[t], phase, strict=True)) for t in chosen)
        count = tuple(-(-(n - r) // stride) if n > r else 0 for n, r in zip(extents, phase, strict=True))
        values = products(y, neighbourhood(leading, 1, space, count, y.shape[-1]), adjoint[chosen])[0]
        x[(slice(None), *(slice(r, None, stride) for r in phase))] = values
    return x


@conv_weight.compiled(above=2048)
def _(x, y, taps, stride):
    if not _covered(x, y):
        return NotImplemented
    x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
    extents, space = x.shape[1:-1], y.shape[1:-1]
    if stride == 1 and y.shape[-1] < x.shape[-1]:  # gather the array with fewer channels
        shape = neighbourhood(_negated(taps), 1, space, extents, y.shape[-1])
        return _adjoint(_by_taps(products(y, shape, other=x)[1], shape, len(taps), x))
    shape = neighbourhood(taps, stride, extents, space, x.shape[-1])
    return _by_taps(products(x, shape, other=y)[1], shape, len(taps), y)


@conv_vjp.compiled(above=2048)
def _(g, x, w, taps, stride, relu=False):
    if not _covered(g, x, w) or stride != 1:
        return NotImplemented
    # One gathering of g serves both: w's gradient is also Σ x[q]ᵀ g[q - tapₜ].
    shape = neighbourhood(_negated(taps), 1, g.shape[1:-1], x.shape[1:-1], g.shape[-1])
    x_gradient, sums = products(np.ascontiguousarray(g), shape, _adjoint(w), np.ascontiguousarray(x), None, relu)
    return x_gradient, _adjoint(_by_taps(sums, shape, len(taps), x))


def _covered(*arrays):
    """Whether all are NumPy arrays of the same dtype, float32 or float64."""
    return all(type(a) is np.ndarray and a.dtype == arrays[0].dtype and a.size for a in arrays) \
        and arrays[0].dtype.char in "fd"


def _negated(taps):
    return tuple(tuple(-offset for offset in tap) for tap in taps)


def _adjoint(w):
    return np.ascontiguousarray(w.transpose(0, 2, 1))


def _by_taps(sums, shape, taps, other):
    """The sums of `products` with `other` as one array (taps, channels, other's channels)."""
    w = np.zeros((taps, shape.channels, other.shape[-1]), other.dtype)
    for (start, stop, *_), group in zip(shape.groups, sums, strict=False):
        w[shape.order[start:stop]] = group.reshape(stop - start, *w.shape[1:])
    return w


def _dtype(a, b):
    return array_module(a, b).result_type(a, b)


DEVICE_BLOCK_BYTES = 1 << 25  # neighbourhoods are gathered for as many positions at a time as fit in 32 MB


@functools.lru_cache(maxsize=256)
def _tap_table(xp, taps):
    """The taps on the device, on three axes of space."""
    return xp.asarray(np.array([(0,) * (3 - len(tap)) + tap for tap in taps], np.int32))


def _gathered(x, taps, stride, extents, adjoint):
    """For one block of output positions after another: the slice of their rows, and the gathered neighbourhoods."""
    xp, channels = array_module(x), x.shape[-1]
    rows = x.shape[0] * math.prod(extents)
    width = len(taps) * channels
    step = max(1, DEVICE_BLOCK_BYTES // (width * x.dtype.itemsize))
    spaces = [(1,) * (3 - len(space)) + tuple(space) for space in (x.shape[1:-1], extents)]
    numbers = [np.int32(v) for v in (len(taps), channels, stride, adjoint, *spaces[0], *spaces[1])]
    for first in range(0, rows, step):
        count = min(step, rows - first)
        block = xp.empty((count, width), x.dtype)
        cuda.launch("convolution/convolution", "gather_taps", x.dtype, block.size, x, _tap_table(xp, taps), block,
                    first, count, *numbers)
        yield slice(first, first + count), block


def _covered_on_device(x, w, taps):
    return cuda.covered(x, w) and x.size and w.size and len(taps) and 3 <= x.ndim <= 5


@conv.on_device
def _(x, w, taps, stride, bias=None, relu=False):
    if not _covered_on_device(x, w, taps):
        return NotImplemented
    (x,) = cuda.contiguous(rectified(x) if relu else x)
    space = tuple(-(-extent // stride) for extent in x.shape[1:-1])
    y = array_module(x).empty((x.shape[0] * math.prod(space), w.shape[-1]), x.dtype)
    weights = w.reshape(-1, w.shape[-1])
    for rows, block in _gathered(x, taps, stride, space, False):
        array_module(x).matmul(block, weights, out=y[rows])
    if bias is not None:
        y += bias
    return y.reshape(x.shape[0], *space, w.shape[-1])


@conv_transpose.on_device
def _(y, w, taps, stride, extents):
    if not _covered_on_device(y, w, taps):
        return NotImplemented
    (y,) = cuda.contiguous(y)
    x = array_module(y).empty((y.shape[0] * math.prod(extents), w.shape[1]), y.dtype)
    weights = w.transpose(0, 2, 1).reshape(-1, w.shape[1])
    for rows, block in _gathered(y, taps, stride, tuple(extents), True):
        array_module(y).matmul(block, weights, out=x[rows])
    return x.reshape(y.shape[0], *extents, w.shape[1])


@conv_weight.on_device
def _(x, y, taps, stride):
    if not _covered_on_device(x, y, taps):
        return NotImplemented
    x, y = cuda.contiguous(x, y)
    space, flat = y.shape[1:-1], y.reshape(-1, y.shape[-1])
    w = array_module(x).zeros((len(taps) * x.shape[-1], y.shape[-1]), x.dtype)
    for rows, block in _gathered(x, taps, stride, space, False):
        w += block.T @ flat[rows]
    return w.reshape(len(taps), x.shape[-1], y.shape[-1])
