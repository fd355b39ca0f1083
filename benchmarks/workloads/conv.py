"""A convolution by its live taps, and the gradients of its input and weight."""

from minigen import grad, ops
from minigen.autograd import Tensor

from .. import inputs
from ..rows import Work


def build(size, kind, channels_in, channels_out, batch, extent):
    """Forward and both gradients."""
    taps, shape = inputs.taps(size, kind), (batch, extent, extent)
    x = Tensor(inputs.normal(*shape, channels_in))
    w = Tensor(inputs.normal(len(taps), channels_in, channels_out, seed=2, scale=0.1))
    cotangent, last = inputs.normal(*shape, channels_out, seed=3), {}

    def step():
        y = ops.conv(x, w, taps)
        last["x"], last["w"] = grad(y, [x, w], cotangent)
        last["y"] = y.data

    return Work(step, values=lambda: last)
