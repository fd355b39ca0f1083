"""References of matrix products, factorisations and convolutions; see `references`."""

from __future__ import annotations

import itertools

import numpy as np
import scipy.linalg

from ops.references import reference


@reference("matmul")
def _(x, y):
    left = x[None, :] if x.ndim == 1 else x
    right = y[:, None] if y.ndim == 1 else y
    product = (left[..., :, :, None] * right[..., None, :, :]).sum(axis=-2)
    product = product[..., 0, :] if x.ndim == 1 else product
    return product[..., 0] if y.ndim == 1 else product


@reference("solve")
def _(a, b):
    x = np.linalg.inv(a) @ (b[:, None] if b.ndim == 1 else b)
    return x[..., 0] if b.ndim == 1 else x


@reference("triangular_solve")
def _(a, b, lower, transposed):
    n = a.shape[-1]
    a = np.where(np.tri(n, dtype=bool) if lower else np.tri(n, dtype=bool).T, a, 0)
    return np.linalg.inv(np.swapaxes(a, -1, -2) if transposed else a).astype(a.dtype) @ b


@reference("inverse")
def _(a):
    if a.size == 0:
        return np.zeros(a.shape, a.dtype)
    n = a.shape[-1]
    flat = [scipy.linalg.lu_solve(scipy.linalg.lu_factor(m), np.eye(n, dtype=a.dtype)) for m in a.reshape(-1, n, n)]
    return np.array(flat, a.dtype).reshape(a.shape)


@reference("cholesky")
def _(a):
    """Of the symmetric part, by Cholesky and Banachiewicz's recurrence, column by column."""
    a = 0.5 * (a + np.swapaxes(a, -1, -2))
    lower = np.zeros_like(a)
    for j in range(a.shape[-1]):
        lower[..., j, j] = np.sqrt(a[..., j, j] - (lower[..., j, :j] ** 2).sum(-1))
        for i in range(j + 1, a.shape[-1]):
            inner = (lower[..., i, :j] * lower[..., j, :j]).sum(-1)
            lower[..., i, j] = (a[..., i, j] - inner) / lower[..., j, j]
    return lower


@reference("logabsdet")
def _(a):
    return np.log(np.abs(np.linalg.det(a)))


@reference("masked_matmul")
def _(x, w, blocks):
    y = np.zeros((*x.shape[:-1], w.shape[1]), np.result_type(x, w))
    for row, (i, j) in itertools.product(np.ndindex(x.shape[:-1]), zip(*np.nonzero(blocks.mask), strict=True)):
        y[(*row, j)] += x[(*row, i)] * w[i, j]
    return y


@reference("masked_weight")
def _(x, y, blocks):
    w = np.zeros(blocks.shape, np.result_type(x, y))
    for row, (i, j) in itertools.product(np.ndindex(x.shape[:-1]), zip(*np.nonzero(blocks.mask), strict=True)):
        w[i, j] += x[(*row, i)] * y[(*row, j)]
    return w


def meetings(taps, stride, extents):
    """All (t, position in x, position in y) that a convolution brings together."""
    for position in itertools.product(*(range(-(-n // stride)) for n in extents)):
        for t, tap in enumerate(taps):
            read = tuple(stride * p + offset for p, offset in zip(position, tap, strict=True))
            if all(0 <= r < n for r, n in zip(read, extents, strict=True)):
                yield t, read, position


@reference("conv", "affine_conv")
def _(x, w, bias=0.0, *, taps, stride, rectify=False):
    extents, (_, channels_in, channels_out) = x.shape[1:-1], w.shape
    space = tuple(-(-n // stride) for n in extents)
    y = np.zeros((len(x), *space, channels_out), np.result_type(x, w)) + bias
    for t, read, position in meetings(taps, stride, extents):
        for b, i, o in itertools.product(range(len(x)), range(channels_in), range(channels_out)):
            value = x[(b, *read, i)]
            y[(b, *position, o)] += (0 if rectify and value < 0 else value) * w[t, i, o]
    return y


@reference("conv_transpose")
def _(y, w, taps, stride, extents):
    extents, (_, channels_in, channels_out) = extents or tuple(stride * n for n in y.shape[1:-1]), w.shape
    x = np.zeros((len(y), *extents, channels_in), np.result_type(y, w))
    for t, read, position in meetings(taps, stride, extents):
        for b, i, o in itertools.product(range(len(y)), range(channels_in), range(channels_out)):
            x[(b, *read, i)] += y[(b, *position, o)] * w[t, i, o]
    return x


@reference("conv_weight")
def _(x, y, taps, stride):
    channels_in, channels_out = x.shape[-1], y.shape[-1]
    w = np.zeros((len(taps), channels_in, channels_out), np.result_type(x, y))
    for t, read, position in meetings(taps, stride, x.shape[1:-1]):
        for b, i, o in itertools.product(range(len(x)), range(channels_in), range(channels_out)):
            w[t, i, o] += x[(b, *read, i)] * y[(b, *position, o)]
    return w
