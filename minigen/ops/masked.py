"""Products with a masked matrix: two ops closed under differentiation."""

from .. import kernels
from ..autograd import raw
from ..autograd.primitive import example, primitive
from ..kernels.masked import Blocks
from .shape import transpose


@primitive(residuals=("x", "w", "blocks"), name="masked_matmul")
def _masked_matmul(x, w, /, blocks):
    return kernels.masked_matmul(x, w, blocks)


@_masked_matmul.defvjp
def _(g, residuals, needed):
    x, w, blocks = residuals
    return (_masked_matmul(g, transpose(w, (1, 0)), blocks.transposed) if needed[0] else None,
            _masked_weight(x, g, blocks) if needed[1] else None)


@primitive(residuals=("x", "y", "blocks"), name="masked_weight")
def _masked_weight(x, y, /, blocks):
    return kernels.masked_weight(x, y, blocks)


@_masked_weight.defvjp
def _(g, residuals, needed):
    x, y, blocks = residuals
    return (_masked_matmul(y, transpose(g, (1, 0)), blocks.transposed) if needed[0] else None,
            _masked_matmul(x, g, blocks) if needed[1] else None)


def masked_matmul(x, w, mask):
    """x @ w, with w counted as 0 where the boolean mask is false; blocks of zeros cost nothing.

    x is `(..., n)`, w and the mask `(n, m)`; the mask may be a `kernels.masked.Blocks`, prepared once. Raises
    ValueError for shapes that do not fit and TypeError for a mask that is not boolean.
    """
    blocks = mask if isinstance(mask, Blocks) else Blocks(mask)
    a, b = raw(x).shape, raw(w).shape
    if b != blocks.shape or a[-1:] != b[:1]:
        raise ValueError(f"masked_matmul x and w: the mask has shape {blocks.shape}, got {a} and {b}")
    return _masked_matmul(x, w, blocks)


@example(masked_matmul)(scalars=False)
def _(make):
    mask = _example_mask(make)
    return [make.values((*make.shape(0, 2), len(mask))), make.values(mask.shape), Blocks(mask)]


def masked_weight(x, y, mask):
    """xᵀ y where the boolean mask is true and 0 elsewhere, summed over leading axes: `masked_matmul`'s gradient by w.

    x is `(..., n)` and y `(..., m)`, of the same leading axes, the mask `(n, m)`; errors as for `masked_matmul`.
    """
    blocks = mask if isinstance(mask, Blocks) else Blocks(mask)
    a, b = raw(x).shape, raw(y).shape
    if not a or not b or (a[-1], b[-1]) != blocks.shape or a[:-1] != b[:-1]:
        raise ValueError(f"masked_weight x and y: the mask has shape {blocks.shape}, got {a} and {b}")
    return _masked_weight(x, y, blocks)


@example(masked_weight)(scalars=False)
def _(make):
    mask, leading = _example_mask(make), make.shape(0, 2)
    return [*[make.values((*leading, n)) for n in mask.shape], Blocks(mask)]


def _example_mask(make):
    """A staircase, or any mask."""
    n, m = make.extent(), make.extent()
    return make.integers(0, 4, n)[:, None] <= make.integers(0, 4, m) if make.boolean() else make.booleans((n, m))
