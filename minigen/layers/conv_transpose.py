"""Transposed convolutions, which enlarge."""

from .. import ops
from ..arrays import as_generator
from ..arrays.checks import positive_integer
from ..autograd import Parameter
from . import taps as offsets
from .arguments import features
from .initializers import glorot_uniform, zeros
from .module import Module


class ConvTranspose(Module):
    """The adjoint of a convolution: (batch, *space, inputs) to (batch, *(stride·space), outputs).

    Input p adds x[p] @ weight[t] to output stride·p + tapₜ. `weight` of shape (taps, inputs, outputs) starts as
    `init(shape, rng, dtype)` times √(stride^rank), since only one in stride^rank taps reaches an output. `bias` starts
    at zero. A call may give the `extents` of the output's space, if ⌈extent / stride⌉ are those of the input.
    """

    def __init__(self, inputs: int, outputs: int, taps, rng, *, stride: int = 1, bias: bool = True,
                 init=glorot_uniform, dtype="float32"):
        self.inputs = positive_integer("ConvTranspose inputs", inputs)
        self.outputs = positive_integer("ConvTranspose outputs", outputs)
        self.taps, self.stride = tuple(map(tuple, taps)), positive_integer("ConvTranspose stride", stride)
        weight = init((len(self.taps), inputs, outputs), as_generator(rng), dtype)
        weight *= self.stride ** (len(self.taps[0]) / 2 if self.taps else 0)
        self.weight = Parameter(weight)
        self.bias = Parameter(zeros((outputs,), dtype=dtype)) if bias else None

    def __call__(self, x, *, extents=None, train=False, rng=None):
        x = features(type(self).__name__, x, self.inputs, self.weight.dtype)
        y = ops.conv_transpose(x, ops.transpose(self.weight, (0, 2, 1)), self.taps, self.stride, extents)
        return y if self.bias is None else y + self.bias


class ConvTranspose1d(ConvTranspose):
    """Transposed convolution of sequences with `size` taps; other arguments as for ConvTranspose."""

    def __init__(self, inputs: int, outputs: int, size: int, rng, *, dilation: int = 1, **keywords):
        super().__init__(inputs, outputs, offsets.box(size, 1, dilation), rng, **keywords)


class ConvTranspose2d(ConvTranspose):
    """Transposed convolution of images with a square or a box of taps; other arguments as for ConvTranspose."""

    def __init__(self, inputs: int, outputs: int, size, rng, *, dilation: int = 1, **keywords):
        super().__init__(inputs, outputs, offsets.box(size, 2, dilation), rng, **keywords)
