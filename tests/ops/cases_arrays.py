"""Cases of the ops that reduce, rearrange, index, multiply and convolve arrays; see `cases`."""

from __future__ import annotations

import math

import numpy as np
import scipy.linalg
from scipy import special

from minigen import ops
from ops.cases import case, op
from ops.source import Example


@case("sum", "mean")
def _reduction(source, name):
    shape = source.shape()
    axis, keepdims = source.axes(len(shape)), source.boolean()
    if name == "mean":
        shape = tuple(max(n, 1) for n in shape)
    return Example([source.values(shape)], lambda x: op(name)(x, axis=axis, keepdims=keepdims),
                   lambda x: getattr(np, name)(x, axis=axis, keepdims=keepdims))


@case("var")
def _var(source, name):
    shape = source.shape(smallest=1)
    axis, keepdims, ddof = source.axes(len(shape)), source.boolean(), source.integer(0, 1)
    if np.ones(shape).sum(axis=axis).min() <= ddof:
        ddof = 0
    return Example([source.values(shape)], lambda x: ops.var(x, axis=axis, ddof=ddof, keepdims=keepdims),
                   lambda x: np.var(x, axis=axis, ddof=ddof, keepdims=keepdims))


@case("max", "min")
def _extreme(source, name):
    shape = source.shape(smallest=1)
    axis, keepdims = source.axes(len(shape)), source.boolean()
    return Example([source.distinct(shape)], lambda x: op(name)(x, axis=axis, keepdims=keepdims),
                   lambda x: getattr(np, "a" + name)(x, axis=axis, keepdims=keepdims))


@case("logsumexp")
def _logsumexp(source, name):
    shape = source.shape(smallest=1)
    axis, keepdims = source.axes(len(shape)), source.boolean()
    return Example([source.values(shape)], lambda x: ops.logsumexp(x, axis=axis, keepdims=keepdims),
                   lambda x: np.log(np.exp(x).sum(axis=axis, keepdims=keepdims)))


@case("softmax", "log_softmax")
def _softmax(source, name):
    shape = source.shape(1, 3)
    axis = source.axis(len(shape))
    reference = special.softmax if name == "softmax" else special.log_softmax
    return Example([source.values(shape)], lambda x: op(name)(x, axis=axis),
                   lambda x: reference(x, axis=axis) if x.size else x)


@case("cumsum")
def _cumsum(source, name):
    shape = source.shape(1, 3)
    axis = source.axis(len(shape))
    return Example([source.values(shape)], lambda x: ops.cumsum(x, axis), lambda x: np.add.accumulate(x, axis))


@case("norm")
def _norm(source, name):
    shape = source.shape(smallest=1)
    axis, keepdims = source.axes(len(shape)), source.boolean()
    return Example([source.apart(shape, 0.4)], lambda x: ops.norm(x, axis=axis, keepdims=keepdims),
                   lambda x: np.hypot.reduce(x, axis=axis, keepdims=keepdims) if x.ndim else np.abs(x))


@case("reshape")
def _reshape(source, name):
    shape = source.shape()
    size = math.prod(shape)
    new = source.choice([(size,), (1, size), shape[::-1], (-1,) if size else (0, 3)])
    return Example([source.values(shape)], lambda x: ops.reshape(x, new), lambda x: np.reshape(x, new))


@case("transpose")
def _transpose(source, name):
    shape = source.shape()
    axes = None if source.boolean() else tuple(int(a) for a in source.random().permutation(len(shape)))
    if axes and source.boolean():
        axes = tuple(a - len(shape) for a in axes)
    return Example([source.values(shape)], lambda x: ops.transpose(x, axes), lambda x: np.transpose(x, axes))


@case("broadcast_to", broadcasts=True)
def _broadcast_to(source, name):
    shape, other = source.broadcastable()
    target = np.broadcast_shapes(shape, other)
    return Example([source.values(shape)], lambda x: ops.broadcast_to(x, target),
                   lambda x: x + np.zeros(target, x.dtype))


@case("flip")
def _flip(source, name):
    shape = source.shape()
    axis = source.axes(len(shape))

    def reference(x):
        axes = range(x.ndim) if axis is None else {a % x.ndim for a in np.atleast_1d(axis)}
        return x[tuple(slice(None, None, -1 if a in axes else None) for a in range(x.ndim))].copy()

    return Example([source.values(shape)], lambda x: ops.flip(x, axis), reference)


@case("pad")
def _pad(source, name):
    shape = source.shape(1, 3)
    widths = tuple((source.integer(0, 2), source.integer(0, 2)) for _ in shape)
    widths = source.choice([widths, widths, source.integer(0, 2), widths[0]])
    value = source.choice([0, -1.5])
    return Example([source.values(shape)], lambda x: ops.pad(x, widths, value),
                   lambda x: np.pad(x, widths, mode="constant", constant_values=value))


@case("concatenate")
def _concatenate(source, name):
    shape = source.shape(1, 3)
    axis = source.axis(len(shape))
    arrays = []
    for _ in range(source.integer(1, 3)):
        part = list(shape)
        part[axis] = source.extent()
        arrays.append(source.values(tuple(part)))
    return Example(arrays, lambda *xs: ops.concatenate(xs, axis), lambda *xs: np.concatenate(xs, axis))


@case("concatenate")
def _concatenate_flat(source, name):
    arrays = [source.values(source.shape()) for _ in range(2)]
    return Example(arrays, lambda *xs: ops.concatenate(list(xs), axis=None),
                   lambda *xs: np.concatenate([x.ravel() for x in xs]))


@case("stack")
def _stack(source, name):
    shape = source.shape()
    axis = source.axis(len(shape) + 1)
    arrays = [source.values(shape) for _ in range(source.integer(1, 3))]
    return Example(arrays, lambda *xs: ops.stack(xs, axis=axis), lambda *xs: np.stack(xs, axis))


@case("split")
def _split(source, name):
    before, after = source.shape(0, 1), source.shape(0, 1)
    sections = source.choice([1, 2, 3, [1], [1, 3], [0, 2, 2], [-1], (2, 9)])
    extent = sections * source.integer(0, 2) if isinstance(sections, int) else 4
    shape = (*before, extent, *after)
    axis = len(before) - (len(shape) if source.boolean() else 0)
    return Example([source.values(shape)], lambda x: ops.split(x, sections, axis=axis),
                   lambda x: tuple(np.split(x, sections, axis=axis)))


INDICES = (
    0, -1, slice(1, None), slice(None, None, -2), (slice(None), 1), (Ellipsis, None, 0), None, (),
    [0, 2, 2], np.array([[1, 1], [0, -1]]), (slice(1, 3), [0, 0, 3]), ([0, 1, 1], [2, 2, 3]), (np.array(1), slice(2)),
    np.array([True, False, True]), np.arange(12).reshape(3, 4) % 5 == 1, ([], slice(None)), (np.int64(2), None),
    (True, 1), (slice(3, 1), slice(None)), ([[0], [2]], [1, 1]), (-1, 2, 0),
)


@case("getitem")
def _getitem(source, name):
    index = source.choice(INDICES)
    return Example([source.values((3, 4, 2))], lambda x: x[index] if isinstance(x, np.ndarray) else
                   ops.getitem(x, index), lambda x: np.array(x)[index])


@case("scatter")
def _scatter(source, name):
    index, shape = source.choice(INDICES), (3, 4, 2)
    values = source.values(np.zeros(shape)[index].shape)

    def reference(values):
        positions = np.arange(24).reshape(shape)[index]
        sums = np.zeros(24, values.dtype)
        for place, value in zip(positions.ravel(), values.ravel(), strict=True):
            sums[place] += value
        return sums.reshape(shape)

    return Example([values], lambda v: ops.scatter(v, index, shape), reference)


@case("take")
def _take(source, name):
    shape = source.shape(1, 3, smallest=1)
    axis = None if source.boolean() else source.axis(len(shape))
    extent = math.prod(shape) if axis is None else shape[axis]
    indices = source.random().integers(-extent, extent, source.shape(0, 2))
    return Example([source.values(shape)], lambda x: ops.take(x, indices, axis=axis),
                   lambda x: np.take(x, indices, axis=axis))


@case("take_along_axis")
def _take_along_axis(source, name):
    shape = source.shape(1, 3)
    axis = source.axis(len(shape))
    count = source.integer(0, 3) if shape[axis] else 0
    wanted = [1 if source.integer(0, 3) == 0 else n for n in shape]
    wanted[axis] = count
    indices = source.random().integers(-shape[axis], max(shape[axis], 1), wanted)
    return Example([source.values(shape)], lambda x: ops.take_along_axis(x, indices, axis=axis),
                   lambda x: np.take_along_axis(x, indices, axis=axis))


@case("matmul", broadcasts=True)
def _matmul(source, name):
    m, n, k = (source.extent() for _ in range(3))
    batch_x, batch_y = source.broadcastable()
    x = source.choice([(*batch_x, m, n), (*batch_x, m, n), (m, n), (n,)])
    y = source.choice([(*batch_y, n, k), (*batch_y, n, k), (n, k), (n,)])

    def reference(x, y):
        left = x[None, :] if x.ndim == 1 else x
        right = y[:, None] if y.ndim == 1 else y
        product = (left[..., :, :, None] * right[..., None, :, :]).sum(axis=-2)
        product = product[..., 0, :] if x.ndim == 1 else product
        return product[..., 0] if y.ndim == 1 else product

    return Example([source.values(x), source.values(y)], ops.matmul, reference)


@case("solve", broadcasts=True)
def _solve(source, name):
    n = source.integer(0, 3)
    batch_a, batch_b = source.broadcastable()
    b = source.choice([(n,), (*batch_b, n, source.extent()), (*batch_b, n, source.extent())])

    def reference(a, b):
        x = np.linalg.inv(a) @ (b[:, None] if b.ndim == 1 else b)
        return x[..., 0] if b.ndim == 1 else x

    return Example([source.matrices(batch_a, n), source.values(b)], ops.solve, reference)


@case("triangular_solve", broadcasts=True)
def _triangular_solve(source, name):
    n, lower, transposed = source.choice([0, 1, 2, 3, 3, 40]), source.boolean(), source.boolean()
    batch_a, batch_b = source.broadcastable()

    def reference(a, b):
        a = np.where(np.tri(n, dtype=bool) if lower else np.tri(n, dtype=bool).T, a, 0)
        return np.linalg.inv(np.swapaxes(a, -1, -2) if transposed else a).astype(a.dtype) @ b

    return Example([source.matrices(() if n == 40 else batch_a, n),
                    source.values((*(() if n == 40 else batch_b), n, source.extent()))],
                   lambda a, b: ops.triangular_solve(a, b, lower=lower, transposed=transposed), reference)


@case("inverse")
def _inverse(source, name):
    n = source.integer(0, 3)

    def reference(a):
        if a.size == 0:
            return np.zeros(a.shape, a.dtype)
        flat = [scipy.linalg.lu_solve(scipy.linalg.lu_factor(m), np.eye(n, dtype=a.dtype)) for m in a.reshape(-1, n, n)]
        return np.array(flat, a.dtype).reshape(a.shape)

    return Example([source.matrices(source.shape(0, 2, smallest=1), n)], ops.inverse, reference)


@case("cholesky")
def _cholesky(source, name):
    n = source.integer(0, 3)
    a = source.matrices(source.shape(0, 2), n)

    def reference(a):
        a = 0.5 * (a + np.swapaxes(a, -1, -2))
        lower = np.zeros_like(a)
        for j in range(n):  # Cholesky and Banachiewicz's recurrence, column by column
            lower[..., j, j] = np.sqrt(a[..., j, j] - (lower[..., j, :j] ** 2).sum(-1))
            for i in range(j + 1, n):
                inner = (lower[..., i, :j] * lower[..., j, :j]).sum(-1)
                lower[..., i, j] = (a[..., i, j] - inner) / lower[..., j, j]
        return lower

    def call(a):  # only symmetric matrices have the factor, so the op is fed the symmetric part
        axes = (*range(a.ndim - 2), a.ndim - 1, a.ndim - 2)
        return ops.cholesky(0.5 * (a + ops.transpose(a, axes)))

    return Example([a], call, reference)


@case("logabsdet")
def _logabsdet(source, name):
    n = source.integer(1, 3)
    a = source.matrices(source.shape(0, 2), n) * source.choice([1.0, -1.0])
    return Example([a], ops.logabsdet, lambda a: np.log(np.abs(np.linalg.det(a))))
