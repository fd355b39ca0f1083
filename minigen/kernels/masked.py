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
FLOPS = 1 << 22  # with less work one thread is faster


class Blocks:
    """A mask of shape (rows, columns) and its panels; `transposed` is the Blocks of the transposed mask.

    A panel is a slice of columns and the slice of rows outside of which the mask is false there; `work` is how many
    elements the panels have together. Raises ValueError unless the mask is a matrix of booleans, or ones and zeros.
    """

    def __init__(self, mask):
        original, mask = np.asarray(mask), np.array(mask, bool)
        if mask.ndim != 2:
            raise ValueError(f"mask: expected a matrix, got shape {mask.shape}")
        if not np.array_equal(original, mask):
            raise ValueError(f"mask: expected true and false, or 1 and 0, got {original.dtype} with other values")
        mask.setflags(write=False)
        self.mask, self.constant, self.shape, columns = mask, Constant(mask), mask.shape, mask.shape[1]
        width = max(1, round(columns / PANELS / WIDTH)) * WIDTH
        bounds = [*range(0, max(1, columns - width // 2), width), columns]
        panels = [(slice(start, stop), _live(mask[:, start:stop]))
                  for start, stop in zip(bounds, bounds[1:], strict=False)]
        # Taken from both ends in turn: the panels of a staircase then have about the same work in any stretch of them.
        self.panels = [panels[i // 2 if i % 2 == 0 else -1 - i // 2] for i in range(len(panels))]
        self.work = sum((live.stop - live.start) * (columns.stop - columns.start) for columns, live in self.panels)

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
    """Fill `out` with w from this row and column on, and with 0 where the mask is false."""
    for i in range(out.shape[0]):
        to, values, flags = out[i], w[row + i], mask[row + i]
        for j in range(np.uint64(out.shape[1])):
            to[j] = values[np.uint64(column) + j] if flags[np.uint64(column) + j] else 0


@loop
def clear(w, mask, row, column, rows, columns):
    """Set w to 0 where the mask is false, in so many rows and columns from this row and column on."""
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
        for columns, live in blocks.panels[start:stop]:
            height, width = live.stop - live.start, columns.stop - columns.start
            copy = np.empty((width, height) if flipped else (height, width), w.dtype)
            if flipped:
                select(copy, base, mask, columns.start, live.start)
            else:
                select(copy, base, mask, live.start, columns.start)
            np.matmul(x[:, live], copy.T if flipped else copy, out=out[:, columns])

    _share(panels, blocks, rows)
    return y


@masked_weight.compiled(above=2048)
def _(x, y, blocks):
    if not _covered(x, y):
        return NotImplemented
    rows = math.prod(x.shape[:-1])
    x, y, w = x.reshape(rows, x.shape[-1]).T, y.reshape(rows, y.shape[-1]), np.empty(blocks.shape, x.dtype)

    def panels(start, stop):
        for columns, live in blocks.panels[start:stop]:
            w[:live.start, columns] = 0
            w[live.stop:, columns] = 0
            np.matmul(x[live], y[:, columns], out=w[live, columns])
            clear(w, blocks.mask, live.start, columns.start, live.stop - live.start, columns.stop - columns.start)

    _share(panels, blocks, rows)
    return w


def _covered(a, b):
    return type(b) is np.ndarray and a.dtype == b.dtype and a.dtype.char in "fd" and a.size > 0 and b.size > 0


def _share(panels, blocks, rows):
    """Go through the panels, on several threads if there is enough work for them."""
    count = len(blocks.panels)
    run_products(panels, count, count if 2 * blocks.work * rows < FLOPS else 1)
