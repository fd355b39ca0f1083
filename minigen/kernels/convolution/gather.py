"""Convolutions of few channels: neighbourhoods are gathered into blocks, and a matrix product multiplies each block.

Row p of the neighbourhood matrix N holds x[stride·p + tap] for all taps side by side, zero outside the data. With the
taps' matrices stacked in the same way as w, the convolution is N @ w, and its gradient by w is Nᵀ @ (gradient by y).

How to read this
----------------
N is never made whole. `products` is the entry. It cuts the output rows into one piece for each thread (`_in_pieces`).
A thread makes one block of rows of N after another in the same memory (`_blocks`). A block has `BLOCK_BYTES`, and stays
in the second-level cache while the matrix product reads it. `gather` fills a block; a `Neighbourhood` holds what it
needs to know of the taps. Convolutions of many channels turn off to `_direct`, which does the same without blocks.

Each thread multiplies its blocks by itself. Matrix products that are cut over threads instead would have to meet after
each block, and would stall for milliseconds whenever a thread is not given a core.
"""

import functools
import math

import numpy as np

from ...arrays.blas import run_products
from ..machinery.compiling import loop
from .direct import LEAST, direct_products, direct_sums

BLOCK_BYTES = 1 << 19  # half of a usual second-level cache
COLUMNS = 512  # of a block with several taps, at most: it then has enough rows for an efficient product
FLOPS = 1 << 23  # below this, starting a thread does not pay


class Neighbourhood:
    """The taps that meet the data, sorted and cut into groups; and for each group, its runs of adjacent taps.

    Taps that follow each other along the last space axis are a run: what they read lies together and is copied at once.
    """

    def __init__(self, taps, stride, extents, space, channels):
        meets = [all(max(0, -(o // stride)) < min(m, (n - 1 - o) // stride + 1)
                     for o, n, m in zip(tap, extents, space, strict=True)) for tap in taps]
        self.order = sorted((t for t in range(len(taps)) if meets[t]), key=lambda t: taps[t])
        self.identity = self.order == list(range(len(taps)))
        self.stride, self.channels = stride, channels
        self.extents, self.space = np.array(extents), np.array(space)
        live, count = [taps[t] for t in self.order], len(self.order)
        self.taps = np.array(live, np.int64).reshape(count, len(extents))
        cuts = -(-count // max(1, COLUMNS // max(channels, 1))) or 1
        bounds = [count * i // cuts for i in range(cuts + 1)]
        self.groups = [(start, stop, *_runs(live[start:stop], channels))
                       for start, stop in zip(bounds, bounds[1:], strict=False)]
        self.columns = max(stop - start for start, stop, *_ in self.groups) * channels
        # whether the rows of neighbours are those of the data
        self.itself = stride == 1 and tuple(extents) == tuple(space) and count == 1 and not any(live[0])


def _runs(taps, channels):
    """For each run: the offsets of its first tap, the number of its taps, and its first column in the block."""
    firsts, lengths, columns = [], [], []
    last = None
    for t, tap in enumerate(taps):
        if last is not None and tap[:-1] == last[:-1] and tap[-1] == last[-1] + 1:
            lengths[-1] += 1
        else:
            firsts.append(tap)
            lengths.append(1)
            columns.append(t * channels)
        last = tap
    return np.array(firsts), np.array(lengths), np.array(columns)


neighbourhood = functools.lru_cache(256)(Neighbourhood)


@loop
def _copy(block, to, x, source, count):
    # Unsigned, since an index that may count from the end keeps the loop from being vectorised.
    for j in range(np.uint64(count)):
        block[np.uint64(to) + j] = x[np.uint64(source) + j]


@loop
def _clear(block, to, count):
    for j in range(np.uint64(count)):
        block[np.uint64(to) + j] = 0


@loop
def gather(block, x, start, channels, stride, extents, space, firsts, lengths, columns):
    """Fill row i of the block with what the runs read from x (flat) at output position start + i.

    Positions are counted over batch and space together.
    """
    rank, (rows, wide), flat = extents.size, block.shape, block.reshape(-1)
    width, out_width = extents[rank - 1], space[rank - 1]
    i = 0
    while i < rows:  # go through one line of the last space axis at a time
        first = (start + i) % out_width
        count = min(rows - i, out_width - first)
        for r in range(lengths.size):
            rest = (start + i) // out_width
            row, scale, inside = 0, 1, True
            for axis in range(rank - 2, -1, -1):
                at = stride * (rest % space[axis]) + firsts[r, axis]
                rest //= space[axis]
                inside = inside and at >= 0 and at < extents[axis]
                row += scale * at
                scale *= extents[axis]
            row = (row + scale * rest) * width
            length, size = lengths[r], lengths[r] * channels
            to = i * wide + columns[r]
            for k in range(count):
                at = stride * (first + k) + firsts[r, rank - 1]
                if inside and at >= 0 and at + length <= width:
                    _copy(flat, to, x, (row + at) * channels, size)
                else:
                    low, high = 0, 0
                    if inside:
                        low = min(max(0, -at), length) * channels
                        high = max(0, min(length, width - at)) * channels
                    high = max(low, high)
                    _clear(flat, to, low)
                    _copy(flat, to + low, x, (row + at) * channels + low, high - low)
                    _clear(flat, to + high, size - high)
                to += wide
        i += count


def products(x, shape, w=None, other=None, bias=None, relu=False):
    """N @ w + bias, and the groups' Nᵀ @ other, for the neighbourhood matrix N of x.

    `shape` is a Neighbourhood; w has shape (taps, channels, m), bias (m,), other (batch, *space, m), all contiguous.
    The first result is None without w. The second is a list with one matrix for each group of taps, which `_by_taps` in
    `convolution` puts together; it is empty without `other`.

    With `relu` the data are max(data, 0), where the data are `other` if it is there, and x if not. The first result is
    then 0 where other ≤ 0. So with a cotangent as x the results are both gradients of a convolution of relu(other).
    """
    space = tuple(int(n) for n in shape.space)
    rows, channels = x.shape[0] * math.prod(space), x.shape[-1]
    out = right = None
    if w is not None:
        out = np.empty((rows, w.shape[-1]), x.dtype)
        bias = np.zeros(w.shape[-1], x.dtype) if bias is None else np.ascontiguousarray(bias)
        w = (w if shape.identity else w[shape.order]).reshape(-1, w.shape[-1])
    if other is not None:
        right = other.reshape(rows, other.shape[-1])
    if not shape.order:
        sums = []
        if out is not None:
            out[...] = bias
    else:
        sums = _in_pieces(x.reshape(-1), shape, w, bias, relu, out, right, rows, channels)
    if out is not None:
        out = out.reshape(x.shape[0], *space, out.shape[-1])
    return out, sums


def _in_pieces(flat, shape, w, bias, relu, out, right, rows, channels):
    """Fill `out` and return the list of the groups' Nᵀ @ right. The pieces' sums are added up in their order."""
    width = (0 if out is None else out.shape[1]) + (0 if right is None else right.shape[1])
    partial = {}

    direct = channels >= LEAST and all(a is None or a.shape[1] >= LEAST for a in (out, right))

    def piece(start, stop):
        partial[start] = (_direct if direct else _blocks)(flat, shape, w, bias, relu, out, right, start, stop)

    grain = max(1, FLOPS // max(1, 2 * len(shape.order) * channels * width))
    run_products(piece, rows, grain)
    total, *more = (partial[start] for start in sorted(partial))
    for sums in more:
        for a, b in zip(total, sums, strict=True):
            a += b
    return total


def _direct(flat, shape, w, bias, relu, out, right, start, stop):
    """The same as `_blocks` without gathering."""
    where, channels = (shape.taps, shape.stride, shape.extents, shape.space), shape.channels
    if out is not None:
        gate = right.reshape(-1) if relu and right is not None else flat[:0]
        direct_products(start, stop, flat, w.reshape(-1), bias, relu and right is None, gate, out.reshape(-1), *where,
                        channels, out.shape[1])
    if right is None:
        return []
    sums = np.zeros((len(shape.order) * channels, right.shape[1]), flat.dtype)
    direct_sums(start, stop, flat, right.reshape(-1), relu, sums.reshape(-1), *where, channels, right.shape[1])
    return [sums[a * channels:b * channels] for a, b, *_ in shape.groups]


def _blocks(flat, shape, w, bias, relu, out, right, start, stop):
    """Fill rows start to stop of `out`, block after block in the same memory; return their groups' Nᵀ @ right."""
    channels = shape.channels
    width = max(shape.columns, 0 if out is None else out.shape[1])
    extent = max(16, BLOCK_BYTES // (flat.itemsize * width))
    cuts = -(-(stop - start) // extent)
    bounds = [start + (stop - start) * i // cuts for i in range(cuts + 1)]
    extent = max(b - a for a, b in zip(bounds, bounds[1:], strict=False))
    memory = np.empty(extent * shape.columns, flat.dtype)
    partial = np.empty((extent, out.shape[1]), flat.dtype) if out is not None and len(shape.groups) > 1 else None
    sums = [np.zeros(((b - a) * channels, right.shape[1]), flat.dtype) for a, b, *_ in shape.groups] \
        if right is not None else []
    term = np.empty((shape.columns, right.shape[1]), flat.dtype) if right is not None else None
    for low, high in zip(bounds, bounds[1:], strict=False):
        for g, (first, last, *runs) in enumerate(shape.groups):
            columns = (last - first) * channels
            block = memory[:(high - low) * columns].reshape(high - low, columns)
            if shape.itself:
                block = flat[low * channels:high * channels].reshape(block.shape)
            else:
                gather(block, flat, low, channels, shape.stride, shape.extents, shape.space, *runs)
            if relu and right is None:
                block = np.maximum(block, 0)
            if out is not None:
                matrix = w[first * channels:last * channels]
                if g == 0:
                    np.matmul(block, matrix, out=out[low:high])
                    out[low:high] += bias
                else:
                    out[low:high] += np.matmul(block, matrix, out=partial[: high - low])
            if right is not None:
                data = np.maximum(right[low:high], 0) if relu else right[low:high]
                sums[g] += np.matmul(block.T, data, out=term[:columns])
        if relu and out is not None and right is not None:
            out[low:high] *= right[low:high] > 0
    return sums
