"""The affine map with a masked matrix."""

import numpy as np

from .. import ops
from ..arrays import Constant, array_module, as_generator
from ..arrays.checks import positive_integer
from ..autograd import Parameter, raw
from ..kernels.masked import Blocks
from .arguments import features
from .conv import live_init
from .initializers import glorot_uniform, zeros
from .module import Module


class MaskedLinear(Module):
    """x @ weight + bias, where weights count as 0 if the mask is false: (..., inputs) to (..., outputs).

    `mask` is a matrix (inputs, outputs) of booleans, or of ones and zeros. Its blocks of zeros cost nothing if its rows
    and columns are in an order that makes it a staircase. If another order makes more of a staircase, a call takes the
    units in that order and puts the outputs back. `weight` starts as `init(shape, rng, dtype)`, scaled to the number of
    inputs that an output has. Raises ValueError for a mask of another shape or with other values.
    """

    def __init__(self, inputs: int, outputs: int, mask, rng, bias: bool = True, init=glorot_uniform, dtype="float32"):
        self.inputs = positive_integer("MaskedLinear inputs", inputs)
        self.outputs = positive_integer("MaskedLinear outputs", outputs)
        shape = (self.inputs, self.outputs)
        if np.shape(mask) != shape:
            raise ValueError(f"MaskedLinear mask: expected shape {shape}, got {np.shape(mask)}")
        self.blocks = Blocks(mask)
        self.order = None
        mask = self.blocks.mask
        rows, columns = np.argsort(-mask.sum(axis=1), kind="stable"), np.argsort(mask.sum(axis=0), kind="stable")
        ordered = Blocks(mask[rows][:, columns])
        if ordered.work < 0.9 * self.blocks.work:
            self.blocks, self.order = ordered, [Constant(order) for order in (rows, columns, np.argsort(columns))]
        self.weight = Parameter(live_init(init, shape, mask, as_generator(rng), dtype))
        self.bias = Parameter(zeros((outputs,), dtype=dtype)) if bias else None

    def __call__(self, x, *, train=False, rng=None):
        x, w = features("MaskedLinear", x, self.inputs, self.weight.dtype), self.weight
        if self.order is None:
            y = ops.masked_matmul(x, w, self.blocks)
        else:
            rows, columns, back = (order.on(array_module(raw(x))) for order in self.order)
            w = ops.take(ops.take(w, rows, 0), columns, 1)
            y = ops.take(ops.masked_matmul(ops.take(x, rows, -1), w, self.blocks), back, -1)
        return y if self.bias is None else y + self.bias


def degree_mask(before, after, strict: bool = False):
    """The mask that lets unit i feed unit j if beforeᵢ ≤ afterⱼ, or only if beforeᵢ < afterⱼ.

    Source: Germain et al. (2015), equations 8 and 9. If the degrees of each layer are sorted, the zeros lie in blocks.
    """
    before, after = np.asarray(before), np.asarray(after)
    if before.ndim != 1 or after.ndim != 1:
        raise ValueError(f"degrees: expected two vectors, got shapes {before.shape} and {after.shape}")
    return before[:, None] < after if strict else before[:, None] <= after
