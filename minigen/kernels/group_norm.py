"""Normalisation of groups of channels over all positions, with its gradient: batch, group and instance norms.

x has shape (batch, *space, channels). The channels come in `groups` equal groups. The mean and the variance of a group
are taken over its channels at all positions of one example. Batch normalisation is the case of one example that holds
the whole batch, with one channel in each group.

How to read the loops: an example's positions are cut into chunks that fit the cache, and each chunk has sums of its own
for each channel. NumPy adds these up, so that the sums do not depend on the number of threads.
"""

import math

import numpy as np

from ..arrays import array_module
from ..arrays.pool import run
from .machinery import cuda
from .machinery.compiling import loop
from .machinery.dispatch import kernel
from .machinery.wrapping import GRAIN, covered

CHUNK = 32768  # elements of a chunk: with a cotangent beside it 256 KB, a part of the second-level cache
SMALLEST = 1024  # elements of an example: array code is faster for smaller ones
ROWS = 1024  # positions of a chunk at most: the rounding errors of a sum grow with its terms
ROWS_ON_DEVICE = 64  # positions of a chunk there: many chunks occupy many processors


@kernel
def group_norm(x, weight, bias, groups, eps):
    """y = (x - mean) / √(variance + eps)·weight + bias, then mean and variance, both (batch, groups)."""
    grouped = _grouped(x, groups)
    mean = grouped.mean(axis=(1, 3))
    centred = grouped - mean[:, None, :, None]
    variance = (centred * centred).mean(axis=(1, 3))
    centred *= (1 / array_module(x).sqrt(variance + eps))[:, None, :, None]
    return centred.reshape(x.shape) * weight + bias, mean, variance


@group_norm.example
def _(make):
    shape, groups = _example_shape(make)
    return [make.standard(shape), make.normal(shape[-1:]), make.normal(shape[-1:]), groups, 1e-3]


@kernel
def group_norm_sums(g, x, mean, scale):
    """Σ g and Σ g·z over the positions, each (batch, channels), with z = (x - mean)·scale the normalised x.

    Summed over the batch they are the cotangents of bias and weight.
    """
    z = (_grouped(x, mean.shape[1]) - mean[:, None, :, None]) * scale[:, None, :, None]
    space = tuple(range(1, x.ndim - 1))
    return g.sum(axis=space), (g * z.reshape(x.shape)).sum(axis=space)


@group_norm_sums.example
def _(make):
    shape, groups = _example_shape(make)
    mean, scale = make.standard((shape[0], groups)), abs(make.standard((shape[0], groups))) + 1
    return [make.normal(shape), make.standard(shape), mean, scale]


@kernel
def group_norm_vjp(g, x, weight, mean, scale, total, along):
    """The cotangent of x, where `total` and `along` are the sums of `group_norm_sums`.

    With h = g·weight: (h - mean(h) - z·mean(h·z))·scale, means over a group. This is the projection of h away from the
    constant vector and from z, since normalisation takes out the mean and the length.
    """
    shape = (len(x), *(1,) * (x.ndim - 2), x.shape[-1])
    factor, shift, slope = (array.reshape(shape) for array in _coefficients(x, weight, scale, total, along))
    centred = (_grouped(x, mean.shape[1]) - mean[:, None, :, None]).reshape(x.shape)
    return g * factor - shift - centred * slope


@group_norm_vjp.example
def _(make):
    shape, groups = _example_shape(make)
    mean, scale = make.standard((shape[0], groups)), abs(make.standard((shape[0], groups))) + 1
    sums = [make.normal((shape[0], shape[-1])) for _ in range(2)]
    return [make.normal(shape), make.standard(shape), make.normal(shape[-1:]), mean, scale, *sums]


def _example_shape(make):
    """The shape of x and the number of groups. Smaller examples than 1024 elements run as array code."""
    groups = make.size(4)
    return (make.size(1), make.size(max(1, make.elements // 512), 200, 300), groups * make.size(128, 5, 9)), groups


def _grouped(x, groups):
    """x as (batch, positions, groups, channels of a group)."""
    return x.reshape(len(x), math.prod(x.shape[1:-1]), groups, x.shape[-1] // groups)


def _channels(statistic, channels):
    """A statistic of each group (batch, groups), for each channel: (batch, channels)."""
    return statistic.repeat(channels // statistic.shape[1], axis=1)


def _coefficients(x, weight, scale, total, along):
    """a, b and c, each (batch, channels), by which the cotangent of x is g·a - b - (x - mean)·c."""
    channels, groups = x.shape[-1], scale.shape[1]
    count = math.prod(x.shape[1:-1]) * (channels // groups)
    total, along = ((sums * weight).reshape(len(x), groups, channels // groups).sum(axis=2) / count
                    for sums in (total, along))
    return (_channels(scale, channels) * weight, _channels(scale * total, channels),
            _channels(scale * scale * along, channels))


@loop
def _moments(start, stop, x, rows, means, squares):
    """Mean and sum of squared deviations of chunks start … stop, for each channel."""
    for chunk in range(start, stop):
        example, k = chunk // means.shape[1], chunk % means.shape[1]
        block = x[example, k * rows : min((k + 1) * rows, x.shape[1])]
        first, mean, square = block[0], means[example, k], squares[example, k]
        for r in range(1, block.shape[0]):
            v = block[r]
            for j in range(mean.size):
                mean[j] += v[j] - first[j]  # differences are small: a sum of values far from 0 would lose digits
        for j in range(mean.size):
            mean[j] = first[j] + mean[j] / block.shape[0]
        for r in range(block.shape[0]):
            v = block[r]
            for j in range(mean.size):
                square[j] += (v[j] - mean[j]) * (v[j] - mean[j])


@loop
def _normalise(start, stop, x, rows, chunks, mean, factor, bias, out):
    """(x - mean)·factor + bias in chunks start … stop."""
    for chunk in range(start, stop):
        example, k = chunk // chunks, chunk % chunks
        m, f = mean[example], factor[example]
        for r in range(k * rows, min((k + 1) * rows, x.shape[1])):
            v, o = x[example, r], out[example, r]
            for j in range(v.size):
                o[j] = (v[j] - m[j]) * f[j] + bias[j]


@loop
def _sums(start, stop, g, x, rows, mean, totals, alongs):
    """Σ g and Σ g·(x - mean) of chunks start … stop, for each channel."""
    for chunk in range(start, stop):
        example, k = chunk // totals.shape[1], chunk % totals.shape[1]
        m, total, along = mean[example], totals[example, k], alongs[example, k]
        for r in range(k * rows, min((k + 1) * rows, x.shape[1])):
            a, v = g[example, r], x[example, r]
            for j in range(v.size):
                total[j] += a[j]
                along[j] += a[j] * (v[j] - m[j])


@loop
def _input_cotangent(start, stop, g, x, rows, chunks, mean, factor, shift, slope, out):
    """g·factor - shift - (x - mean)·slope in chunks start … stop."""
    for chunk in range(start, stop):
        example, k = chunk // chunks, chunk % chunks
        m, f, s, c = mean[example], factor[example], shift[example], slope[example]
        for r in range(k * rows, min((k + 1) * rows, x.shape[1])):
            a, v, o = g[example, r], x[example, r], out[example, r]
            for j in range(v.size):
                o[j] = a[j] * f[j] - s[j] - (v[j] - m[j]) * c[j]


def _chunked(*arrays, most):
    """The arrays as contiguous (batch, positions, channels), then rows of a chunk, `most` at most, and chunks."""
    batch, channels = len(arrays[0]), arrays[0].shape[-1]
    arrays = [array.reshape(batch, -1, channels) for array in cuda.contiguous(*arrays)]
    positions = arrays[0].shape[1]
    rows = min(positions, most, max(1, CHUNK // channels))
    return *arrays, rows, -(-positions // rows)


def _run(chunk_loop, x, rows, chunks, *args):
    run(chunk_loop, len(x) * chunks, max(1, GRAIN // (rows * x.shape[2])), *args)


@group_norm.compiled()
def _(x, weight, bias, groups, eps):
    if not covered(x, weight, bias) or x.size < SMALLEST * len(x):
        return NotImplemented
    shape, kind, channels = x.shape, x.dtype.type, x.shape[-1]
    x, rows, chunks = _chunked(x, most=ROWS)
    means, squares = (np.zeros((len(x), chunks, channels), kind) for _ in range(2))
    _run(_moments, x, rows, chunks, x, rows, means, squares)
    mean, variance, factor = _combined(means, squares, weight, groups, eps, x.shape[1], rows)
    out = np.empty(x.shape, kind)
    _run(_normalise, x, rows, chunks, x, rows, chunks, _channels(mean, channels), factor, np.ascontiguousarray(bias),
         out)
    return out.reshape(shape), mean, variance


def _combined(means, squares, weight, groups, eps, positions, rows):
    """Mean and variance of each group, and weight / √(variance + eps), from the chunks' moments (Chan et al., 1983)."""
    batch, chunks, channels = means.shape
    xp, kind = array_module(means), means.dtype
    means, squares = (array.reshape(batch, chunks, groups, -1).astype(np.float64) for array in (means, squares))
    counts = xp.minimum(rows, positions - rows * xp.arange(chunks))[:, None, None]
    count = positions * means.shape[3]
    mean = (counts * means).sum(axis=(1, 3)) / count
    deviations = means - mean[:, None, :, None]
    variance = (squares + counts * deviations * deviations).sum(axis=(1, 3)) / count
    factor = _channels(1 / xp.sqrt(variance + eps), channels) * weight
    return mean.astype(kind), variance.astype(kind), factor.astype(kind)


@group_norm_sums.compiled()
def _(g, x, mean, scale):
    if not covered(g, x, mean, scale) or g.shape != x.shape or x.size < SMALLEST * len(x):
        return NotImplemented
    channels = x.shape[-1]
    g, x, rows, chunks = _chunked(g, x, most=ROWS)
    totals, alongs = (np.zeros((len(x), chunks, channels), x.dtype) for _ in range(2))
    _run(_sums, x, rows, chunks, g, x, rows, _channels(mean, channels), totals, alongs)
    return totals.sum(axis=1), alongs.sum(axis=1) * _channels(scale, channels)


@group_norm_vjp.compiled()
def _(g, x, weight, mean, scale, total, along):
    if not covered(g, x, weight, mean, scale, total, along) or g.shape != x.shape or x.size < SMALLEST * len(x):
        return NotImplemented
    shape, coefficients = x.shape, _coefficients(x, weight, scale, total, along)
    g, x, rows, chunks = _chunked(g, x, most=ROWS)
    out = np.empty(x.shape, x.dtype)
    _run(_input_cotangent, x, rows, chunks, g, x, rows, chunks, _channels(mean, x.shape[2]), *coefficients, out)
    return out.reshape(shape)


@group_norm.on_device
def _(x, weight, bias, groups, eps):
    if not cuda.covered(x, weight, bias) or x.size == 0:
        return NotImplemented
    shape, xp, kind, channels = x.shape, array_module(x), x.dtype, x.shape[-1]
    x, rows, chunks = _chunked(x, most=ROWS_ON_DEVICE)
    means, squares = (xp.empty((len(x), chunks, channels), kind) for _ in range(2))
    cuda.launch("group_norm", "moments", kind, len(x) * chunks, x, means, squares, x.shape[1], rows, chunks, channels,
                width=channels)
    mean, variance, factor = _combined(means, squares, weight, groups, eps, x.shape[1], rows)
    out = xp.empty(x.shape, kind)
    cuda.launch("group_norm", "normalise", kind, x.size, x, *cuda.contiguous(_channels(mean, channels), factor, bias),
                out, x.shape[1], channels, x.size)
    return out.reshape(shape), mean, variance


@group_norm_sums.on_device
def _(g, x, mean, scale):
    if not cuda.covered(g, x, mean, scale) or g.shape != x.shape or x.size == 0:
        return NotImplemented
    xp, kind, channels = array_module(x), x.dtype, x.shape[-1]
    g, x, rows, chunks = _chunked(g, x, most=ROWS_ON_DEVICE)
    totals, alongs = (xp.empty((len(x), chunks, channels), kind) for _ in range(2))
    cuda.launch("group_norm", "sums", kind, len(x) * chunks, g, x, _channels(mean, channels), totals, alongs,
                x.shape[1], rows, chunks, channels, width=channels)
    return totals.sum(axis=1), alongs.sum(axis=1) * _channels(scale, channels)


@group_norm_vjp.on_device
def _(g, x, weight, mean, scale, total, along):
    if not cuda.covered(g, x, weight, mean, scale, total, along) or g.shape != x.shape or x.size == 0:
        return NotImplemented
    coefficients = cuda.contiguous(_channels(mean, x.shape[-1]), *_coefficients(x, weight, scale, total, along))
    g, x = cuda.contiguous(g, x)
    out = array_module(x).empty_like(x)
    cuda.launch("group_norm", "input_cotangent", x.dtype, x.size, g, x, *coefficients, out,
                math.prod(x.shape[1:-1]), x.shape[-1], x.size)
    return out
