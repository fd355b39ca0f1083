"""The affine map."""

from ..arrays import as_generator
from ..arrays.checks import positive_integer
from ..autograd import Parameter
from .arguments import features
from .initializers import glorot_uniform, zeros
from .module import Module


class Linear(Module):
    """x @ weight + bias on the last axis: (..., inputs) to (..., outputs).

    `weight` of shape (inputs, outputs) starts as `init(shape, rng, dtype)`, `bias` at zero. Integer and boolean x are
    taken as numbers of the weight's dtype.
    """

    def __init__(self, inputs: int, outputs: int, rng, bias: bool = True, init=glorot_uniform, dtype="float32"):
        self.inputs = positive_integer("Linear inputs", inputs)
        self.outputs = positive_integer("Linear outputs", outputs)
        self.weight = Parameter(init((inputs, outputs), as_generator(rng), dtype))
        self.bias = Parameter(zeros((outputs,), dtype=dtype)) if bias else None

    def __call__(self, x, *, train=False, rng=None):
        y = features("Linear", x, self.inputs, self.weight.dtype) @ self.weight
        return y if self.bias is None else y + self.bias
