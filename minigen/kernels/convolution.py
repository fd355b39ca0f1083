"""Convolution as a sum of shifted matrix products, one for each tap.

With x zero outside its extent, y[p] = Σₜ x[stride·p + tapₜ] @ w[t]. `conv_transpose` is its adjoint as a function of
x, `conv_weight` its gradient by w; the derivatives of any of the three are the other two.
"""

import math

from ..arrays import array_module


def windows(taps, extents, stride):
    """For each tap, where it reads and writes: slices of x's and of y's space axes, or None if it never meets x."""
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


def conv(x, w, taps, stride):
    """y[p] = Σₜ x[stride·p + tapₜ] @ w[t], of extents ⌈extent / stride⌉."""
    extents = x.shape[1:-1]
    space = tuple(-(-extent // stride) for extent in extents)
    y = array_module(x, w).zeros((x.shape[0], *space, w.shape[-1]), _dtype(x, w))
    for t, window in enumerate(windows(taps, extents, stride)):
        if window is not None:
            reads, writes = window
            y[writes] += x[reads] @ w[t]
    return y


def conv_transpose(y, w, taps, stride, extents):
    """x[stride·p + tapₜ] = Σ y[p] @ w[t]ᵀ over the p and t that lead there, of the given extents."""
    x = array_module(y, w).zeros((y.shape[0], *extents, w.shape[1]), _dtype(y, w))
    for t, window in enumerate(windows(taps, extents, stride)):
        if window is not None:
            reads, writes = window
            x[reads] += y[writes] @ w[t].T
    return x


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


def _dtype(a, b):
    return array_module(a, b).result_type(a, b)
