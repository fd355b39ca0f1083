"""Convolutions of many channels: neighbourhoods are multiplied where they lie, without gathering them.

How to read this
----------------
The output rows are taken in blocks of `ROWS`, which stay in the second-level cache while the loop goes through all
taps. For one tap and one block, `meetings` makes two lists: which rows of x the tap reads, and to which rows of the
output they belong (positions where the tap leaves the data are not listed). `multiply_rows` then multiplies each listed
row of x by the tap's matrix, and adds the product to the listed row of the output. The innermost step keeps its sums in
vector registers, and is written in the compiler's own terms: see `machinery.tiles`.

`direct_products` makes outputs in this way, `direct_sums` gradients by the weights.
"""

import numpy as np

from ..machinery.compiling import loop
from ..machinery.tiles import add_outer_products, add_products

LEAST = 16  # channels and outputs: with fewer of either, gathering is faster
ROWS = 128  # output rows of a block


@loop
def meetings(start, count, tap, stride, extents, space, channels, outputs, x_at, out_at):
    """List the rows that a tap brings together, for `count` output positions from `start` on.

    Writes into x_at and out_at where the rows of x and of the output begin, and returns how many pairs there are.
    """
    rank, pairs, i = extents.size, 0, 0
    width, out_width = extents[rank - 1], space[rank - 1]
    while i < count:  # go through one line of the last space axis at a time
        first, rest = (start + i) % out_width, (start + i) // out_width
        n = min(count - i, out_width - first)
        row, scale, inside = 0, 1, True
        for axis in range(rank - 2, -1, -1):
            at = stride * (rest % space[axis]) + tap[axis]
            rest //= space[axis]
            inside = inside and at >= 0 and at < extents[axis]
            row += scale * at
            scale *= extents[axis]
        if inside:
            row = (row + scale * rest) * width
            for k in range(n):
                at = stride * (first + k) + tap[rank - 1]
                if at >= 0 and at < width:
                    x_at[pairs], out_at[pairs] = (row + at) * channels, (start + i + k) * outputs
                    pairs += 1
        i += n
    return pairs


@loop
def direct_products(start, stop, x, w, bias, relu, gate, out, taps, stride, extents, space, channels, outputs):
    """Rows start to stop of out = bias + Σₜ x[stride·p + tapₜ] @ w[t], all flat.

    With `relu` the input is max(x, 0). `gate` has out's size, or size 0 for no gate: out is set to 0 where gate ≤ 0.
    """
    x_at, out_at = np.empty(ROWS, np.int64), np.empty(ROWS, np.int64)
    positive = np.empty(ROWS * channels if relu else 0, x.dtype)
    for low in range(start, stop, ROWS):
        count = min(ROWS, stop - low)
        for r in range(low, low + count):
            row = out[r * outputs:(r + 1) * outputs]
            for j in range(row.size):
                row[j] = bias[j]
        for t in range(taps.shape[0]):
            n = meetings(low, count, taps[t], stride, extents, space, channels, outputs, x_at, out_at)
            for r in range(n if relu else 0):
                rectify(x[x_at[r]:x_at[r] + channels], positive[r * channels:(r + 1) * channels])
                x_at[r] = r * channels
            multiply_rows(positive if relu else x, x_at, out, out_at, n, w, t * channels * outputs, outputs, 0,
                          channels, outputs)
        if gate.size:
            block, shown = out[low * outputs:(low + count) * outputs], gate[low * outputs:(low + count) * outputs]
            for j in range(block.size):
                block[j] = block[j] if shown[j] > 0 else 0


@loop
def rectify(x, out):
    """out = max(x, 0)."""
    for j in range(out.size):
        out[j] = 0 if x[j] < 0 else x[j]


@loop
def multiply_rows(x, x_at, out, out_at, n, w, at, step, first, last, width):
    """`add_products` for n pairs of rows, four at a time."""
    r = 0
    while r + 4 <= n:
        add_products(4, x, x_at, out, out_at, r, w, at, step, first, last, width)
        r += 4
    if r + 2 <= n:
        add_products(2, x, x_at, out, out_at, r, w, at, step, first, last, width)
        r += 2
    if r < n:
        add_products(1, x, x_at, out, out_at, r, w, at, step, first, last, width)


@loop
def direct_sums(start, stop, x, other, relu, sums, taps, stride, extents, space, channels, outputs):
    """Add Σ x[stride·p + tapₜ]ᵀ other[p] over rows start to stop to sums[t], all flat.

    With `relu` it is the sum with max(other, 0).
    """
    x_at, other_at = np.empty(ROWS, np.int64), np.empty(ROWS, np.int64)
    positive = np.empty(ROWS * outputs if relu else 0, x.dtype)
    for low in range(start, stop, ROWS):
        count = min(ROWS, stop - low)
        if relu:
            rectify(other[low * outputs:(low + count) * outputs], positive[:count * outputs])
        for t in range(taps.shape[0]):
            n = meetings(low, count, taps[t], stride, extents, space, channels, outputs, x_at, other_at)
            for r in range(n if relu else 0):
                other_at[r] -= low * outputs
            right, at, c = positive if relu else other, t * channels * outputs, 0
            while c + 4 <= channels:
                add_outer_products(4, x, x_at, right, other_at, n, c, sums, at, outputs)
                c += 4
            while c < channels:
                add_outer_products(1, x, x_at, right, other_at, n, c, sums, at, outputs)
                c += 1
