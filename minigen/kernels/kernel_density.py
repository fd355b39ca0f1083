"""Sums of kernels around points: what a kernel density estimate is made of.

A kernel K is a function of a distance r; the distance of x and a point p is r² = Σ_d (inverse[d]·(x[d] - p[d]))². The
differences are taken before anything else, so that points which nearly coincide keep their distance.
"""

import math

import numpy as np

from ..arrays import array_module
from ..arrays.pool import run
from .machinery.compiling import loop
from .machinery.dispatch import kernel
from .machinery.functions import exp, ordered, unordered
from .machinery.wrapping import covered
from .reductions import logsumexp

# K(r), not normalised. Those of the first two never end; the others are 0 from r = 1 on.
SHAPES = ("gaussian", "exponential", "tophat", "epanechnikov", "linear", "cosine")
GAUSSIAN, EXPONENTIAL, TOPHAT, EPANECHNIKOV, LINEAR, _ = range(len(SHAPES))
REFERENCE_SIZE = 1 << 20  # numbers in the largest array of the reference
TILE, WIDTH = 10240, 128  # numbers of a tile of points, which stays in the second-level cache; and its least points
PAIRS = 1 << 15  # of x and a point: work for one thread


@kernel
def kernel_log_sum(x, points, inverse, shape, leave_out=False):
    """log Σ_j K(r_ij) for rows `x` `(m, D)` and `points` `(n, D)`: `(m,)`, -inf where no kernel reaches.

    `inverse` `(D,)` holds 1 / bandwidth; `shape` is one of SHAPES. With `leave_out` x are the points themselves, and
    the sum for a point leaves out the point itself.
    """
    xp, rows = array_module(x), max(1, REFERENCE_SIZE // max(1, points.size))
    sums = [xp.zeros(0, x.dtype)]
    for start in range(0, len(x), rows):
        block = x[start : start + rows]
        squares = xp.square((block[:, None] - points) * inverse).sum(axis=-1)
        if leave_out:
            diagonal = xp.arange(len(block))
            squares[diagonal, start + diagonal] = math.inf
        sums.append(logsumexp(_log_kernel(squares, shape, xp), axis=1))
    return xp.concatenate(sums)


@kernel_log_sum.example
def _(make):
    width = make.size(8)
    x, points = make.standard((make.count(512), width)), make.standard((make.size(1024), width))
    return [x, points, abs(make.standard(width)) + 1, "gaussian" if make.elements else make.choice(SHAPES)]


def _log_kernel(squares, shape, xp):
    """log K(r) of r²."""
    if shape == "gaussian":
        return -0.5 * squares
    r = xp.sqrt(squares)
    if shape == "exponential":
        return -r
    inside = squares < 1
    r = xp.where(inside, r, 0)
    value = {"tophat": xp.ones_like(r), "epanechnikov": 1 - r * r, "linear": 1 - r, "cosine": xp.cos(math.pi / 2 * r)}
    return xp.where(inside, xp.log(xp.where(inside, value[shape], 1)), -math.inf)


@loop
def _fill(tile, points, first, count):
    """Put points into a tile, a row for each dimension."""
    for j in range(count):
        for d in range(tile.shape[0]):
            tile[d, j] = points[first + j, d]


@loop
def _squares(row, tile, inverse, count, out):
    """r² of one row to the first `count` points of a tile."""
    for d in range(row.size):
        value, factor, other = row[d], inverse[d], tile[d]
        if d == 0:
            for j in range(np.uint64(count)):
                t = (value - other[j]) * factor
                out[j] = t * t
        else:
            for j in range(np.uint64(count)):
                t = (value - other[j]) * factor
                out[j] += t * t


@loop
def _endless(start, stop, x, points, inverse, shape, leave_out, out):
    """Sums of exp(-e), e = r²/2 or r, each scaled by the exponential of the least e that it has met."""
    zero = x.dtype.type(0)
    width = max(WIDTH, TILE // x.shape[1])
    tile, e = np.empty((x.shape[1], width), x.dtype), np.empty(width, x.dtype)
    least, total = np.full(stop - start, np.inf, x.dtype), np.zeros(stop - start, x.dtype)
    for first in range(0, points.shape[0], width):
        count = min(width, points.shape[0] - first)
        _fill(tile, points, first, count)
        for i in range(start, stop):
            _squares(x[i], tile, inverse, count, e)
            if leave_out and first <= i < first + count:
                e[i - first] = np.inf
            nearest = ordered(e[0])
            for j in range(np.uint64(count)):
                candidate = ordered(e[j])
                nearest = candidate if candidate < nearest else nearest
            square = unordered(nearest)
            low = square / 2 if shape == GAUSSIAN else np.sqrt(square)
            if low < least[i - start]:
                total[i - start] *= exp(low - least[i - start])
                least[i - start] = low
            low, added = least[i - start], zero
            if low == np.inf:
                continue
            if shape == GAUSSIAN:
                for j in range(np.uint64(count)):
                    added += exp(low - e[j] / 2)
            else:
                for j in range(np.uint64(count)):
                    added += exp(low - np.sqrt(e[j]))
            total[i - start] += added
    for i in range(start, stop):
        out[i] = np.log(total[i - start]) - least[i - start]


@loop
def _ending(start, stop, x, points, inverse, shape, leave_out, out):
    """Sums of kernels that are 0 from r = 1 on."""
    zero, one, quarter_turn = x.dtype.type(0), x.dtype.type(1), x.dtype.type(math.pi / 2)
    width = max(WIDTH, TILE // x.shape[1])
    tile, e = np.empty((x.shape[1], width), x.dtype), np.empty(width, x.dtype)
    total = np.zeros(stop - start, x.dtype)
    for first in range(0, points.shape[0], width):
        count = min(width, points.shape[0] - first)
        _fill(tile, points, first, count)
        for i in range(start, stop):
            _squares(x[i], tile, inverse, count, e)
            if leave_out and first <= i < first + count:
                e[i - first] = np.inf
            added = zero
            if shape == TOPHAT:
                for j in range(np.uint64(count)):
                    added += one if e[j] < one else zero
            elif shape == EPANECHNIKOV:
                for j in range(np.uint64(count)):
                    added += one - e[j] if e[j] < one else zero
            elif shape == LINEAR:
                for j in range(np.uint64(count)):
                    added += one - np.sqrt(e[j]) if e[j] < one else zero
            else:
                for j in range(np.uint64(count)):
                    if e[j] < one:
                        added += np.cos(quarter_turn * np.sqrt(e[j]))
            total[i - start] += added
    for i in range(start, stop):
        out[i] = np.log(total[i - start])


@kernel_log_sum.compiled(above=1)
def _(x, points, inverse, shape, leave_out=False):
    if not covered(x, points, inverse) or not len(points):
        return NotImplemented
    out, number = np.empty(len(x), x.dtype), SHAPES.index(shape)
    arrays = (np.ascontiguousarray(array) for array in (x, points, inverse))
    loop = _endless if number <= EXPONENTIAL else _ending
    run(loop, len(x), PAIRS // len(points) + 1, *arrays, number, leave_out, out)
    return out
