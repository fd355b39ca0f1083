"""Products with a masked matrix, w where the mask is true and 0 elsewhere, that skip its blocks of zeros.

A mask that follows an order (unit i may feed unit j if degreeᵢ ≤ degreeⱼ) is a staircase once the units are sorted by
degree. `Blocks` cuts its columns into panels, and finds for each the rows where it has ones at all: the product is
then a plain one for each panel, about half the work of the whole.
"""

import functools
import math

import numpy as np

from ..arrays import Constant, array_module
from ..arrays.blas import run_products
from .machinery.compiling import loop
from .machinery.dispatch import kernel
from .machinery.examples import Example

PANELS = 8
WIDTH = 32  # panels are multiples of it: matrix products have no remainders then
FLOPS = 1 << 22  # below this, threads do not pay


class Blocks:
    """A mask of shape (rows, columns) and its panels; `transposed` is that of the transposed mask.

    A panel is a slice of columns and the slice of rows outside of which the mask is false there; `work` is how many
    elements the panels have together. Raises ValueError unless the mask is a matrix of booleans, or ones and zeros.
    """

    def __init__(self, mask):
        given, mask = np.asarray(mask), np.array(mask, bool)
        if mask.ndim != 2:
            raise ValueError(f"mask: expected a matrix, got shape {mask.shape}")
        if not np.array_equal(given, mask):
            raise ValueError(f"mask: expected true and false, or 1 and 0, got {given.dtype} with other values")
        mask.setflags(write=False)
        self.mask, self.constant, self.shape, columns = mask, Constant(mask), mask.shape, mask.shape[1]
        width = max(1, round(columns / PANELS / WIDTH)) * WIDTH
        bounds = [*range(0, max(1, columns - width // 2), width), columns]
        found = [(slice(start, stop), _live(mask[:, start:stop]))
                 for start, stop in zip(bounds, bounds[1:], strict=False)]
        # From both ends in turn: then any consecutive ones of a staircase are about the same work.
        self.panels = [found[i // 2 if i % 2 == 0 else -1 - i // 2] for i in range(len(found))]
        self.work = sum((live.stop - live.start) * (part.stop - part.start) for part, live in self.panels)

    @functools.cached_property
    def transposed(self):
        """The Blocks of the transposed mask."""
        other = Blocks(self.mask.T)
        other.transposed = self
        return other


def _live(mask):
    """The slice from the first row with ones to the last."""
    rows = np.flatnonzero(mask.any(axis=1))
    return slice(int(rows[0]), int(rows[-1]) + 1) if rows.size else slice(0, 0)


@kernel
def masked_matmul(x, w, blocks):
    """x @ w, w taken as 0 where the mask is false."""
    xp = array_module(x, w)
    return x @ xp.where(blocks.constant.on(xp), w, 0)


@masked_matmul.example
def _(make):
    mask, rows = _example_mask(make), make.count(512)
    w = make.standard(mask.shape)
    return Example(make.standard((rows, len(mask))), w, Blocks(mask), operations=2 * rows * int(mask.sum()))


@kernel
def masked_weight(x, y, blocks):
    """xᵀ y, summed over all leading axes, where the mask is true, and 0 elsewhere."""
    xp = array_module(x, y)
    rows = math.prod(x.shape[:-1])
    product = x.reshape(rows, x.shape[-1]).T @ y.reshape(rows, y.shape[-1])
    return xp.where(blocks.constant.on(xp), product, 0)


@masked_weight.example
def _(make):
    mask, rows = _example_mask(make), make.count(512)
    x, y = (make.standard((rows, n)) for n in mask.shape)
    return Example(x, y, Blocks(mask), operations=2 * rows * int(mask.sum()))


def _example_mask(make):
    """A staircase or, in a small example, any mask."""
    n, m = make.size(512, 1, 70), make.size(512, 1, 70)
    return np.triu(np.ones((n, m), bool)) if make.elements or make.boolean() else make.booleans((n, m))


@loop
def select(out, w, mask, row, column):
    """out = the part of w that starts at this row and column, 0 where the mask is false."""
    for i in range(out.shape[0]):
        to, values, flags = out[i], w[row + i], mask[row + i]
        for j in range(np.uint64(out.shape[1])):
            to[j] = values[np.uint64(column) + j] if flags[np.uint64(column) + j] else 0


@loop
def clear(w, mask, row, column, rows, columns):
    """Set the part of w to 0 where the mask is false."""
    for i in range(row, row + rows):
        values, flags = w[i], mask[i]
        for j in range(np.uint64(column), np.uint64(column + columns)):
            values[j] = values[j] if flags[j] else 0


@masked_matmul.compiled(above=2048)
def _(x, w, blocks):
    if not _covered(x, w):
        return NotImplemented
    rows, flipped = math.prod(x.shape[:-1]), not w.flags.c_contiguous
    # A transposed w is copied as it lies in memory.
    base, mask = (np.ascontiguousarray(w.T), blocks.transposed.mask) if flipped else (w, blocks.mask)
    x, y = x.reshape(rows, x.shape[-1]), np.empty((*x.shape[:-1], w.shape[1]), x.dtype)
    out = y.reshape(rows, w.shape[1])

    def panels(start, stop):
        for part, live in blocks.panels[start:stop]:
            height, width = live.stop - live.start, part.stop - part.start
            copy = np.empty((width, height) if flipped else (height, width), w.dtype)
            if flipped:
                select(copy, base, mask, part.start, live.start)
            else:
                select(copy, base, mask, live.start, part.start)
            np.matmul(x[:, live], copy.T if flipped else copy, out=out[:, part])

    _share(panels, blocks, rows)
    return y


@masked_weight.compiled(above=2048)
def _(x, y, blocks):
    if not _covered(x, y):
        return NotImplemented
    rows = math.prod(x.shape[:-1])
    x, y, w = x.reshape(rows, x.shape[-1]).T, y.reshape(rows, y.shape[-1]), np.empty(blocks.shape, x.dtype)

    def panels(start, stop):
        for part, live in blocks.panels[start:stop]:
            w[:live.start, part] = 0
            w[live.stop:, part] = 0
            np.matmul(x[live], y[:, part], out=w[live, part])
            clear(w, blocks.mask, live.start, part.start, live.stop - live.start, part.stop - part.start)

    _share(panels, blocks, rows)
    return w


def _covered(a, b):
    return type(b) is np.ndarray and a.dtype == b.dtype and a.dtype.char in "fd" and a.size > 0 and b.size > 0


def _share(panels, blocks, rows):
    """Go through the panels, each thread taking some of them, if there is work for threads."""
    count = len(blocks.panels)
    run_products(panels, count, count if 2 * blocks.work * rows < FLOPS else 1)
