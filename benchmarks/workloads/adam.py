"""One update by Adam of a flat array of parameters."""

from minigen.autograd import Parameter
from minigen.optim import Adam, ParameterBuffer

from .. import inputs
from ..rows import Work


def build(size):
    """The update, the gradient already in its place."""
    parameter = Parameter(inputs.normal(size))
    buffer = ParameterBuffer.pack([parameter])
    buffer.gradient["float32"][...] = inputs.normal(size, seed=2)
    optimizer = Adam(buffer, learning_rate=1e-3)
    return Work(step=optimizer.step, values=lambda: {"parameter": parameter.data.copy()})
