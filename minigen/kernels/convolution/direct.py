"""Matrix products of neighbourhoods without gathering them: for convolutions of many channels.

Of each tap a list says which rows of x meet which rows of the output; a row of x is multiplied where it lies. Sums stay
in registers (see `tiles`), and a block of output rows stays in the second-level cache while all taps are gone through.
"""

import numpy as np

from ..machinery.compiling import loop
from ..machinery.tiles import add_outer_products, add_products

LEAST = 16  # channels and outputs: below it gathering pays
ROWS = 128  # of a block


@loop
def meetings(start, count, tap, stride, extents, space, channels, outputs, x_at, out_at):
    """How many of the output positions from start on see data through a tap; where their rows of x and of y begin."""
    rank, found, i = extents.size, 0, 0
    width, out_width = extents[rank - 1], space[rank - 1]
    while i < count:  # the part of one row of the output that is in the block
        first, rest = (start + i) % out_width, (start + i) // out_width
        n = min(count - i, out_width - first)
        row, scale, inside = 0, 1, True
        for axis in range(rank - 2, -1, -1):
            place = stride * (rest % space[axis]) + tap[axis]
            rest //= space[axis]
            inside = inside and place >= 0 and place < extents[axis]
            row += scale * place
            scale *= extents[axis]
        if inside:
            row = (row + scale * rest) * width
            for k in range(n):
                place = stride * (first + k) + tap[rank - 1]
                if place >= 0 and place < width:
                    x_at[found], out_at[found] = (row + place) * channels, (start + i + k) * outputs
                    found += 1
        i += n
    return found


@loop
def direct_products(start, stop, x, w, bias, relu, gate, out, taps, stride, extents, space, channels, outputs):
    """Rows start to stop of out = bias + Σₜ x[stride·p + tapₜ] @ w[t], all flat.

    With `relu` max(x, 0) is taken for x; with `gate`, of out's size or of size 0, out is 0 where that is not above 0.
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
    """`add_products` of n rows, four at a time."""
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
    """Add Σ x[stride·p + tapₜ]ᵀ other[p] over rows start to stop to sums[t], all flat; `relu`: of max(other, 0)."""
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
