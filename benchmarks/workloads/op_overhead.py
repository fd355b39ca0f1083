"""What the engine itself costs: many ops on arrays so small that their arithmetic is nothing."""

from minigen import grad
from minigen.autograd import Tensor

from .. import inputs
from ..op_overhead import chain
from ..rows import Work


def build(backward):
    """The chain, or its gradient."""
    tensors = [Tensor(inputs.normal(4, 4, seed=seed, scale=0.5)) for seed in (1, 2, 3)]
    cotangent, last = inputs.normal(4, 4, seed=4), {}

    def forward():
        last["y"] = chain(*tensors)

    def sweep(y):
        last.update(enumerate(grad(y, tensors, cotangent)))

    if backward:
        return Work(step=sweep, prepare=lambda: chain(*tensors), values=lambda: last)
    return Work(step=forward, values=lambda: {"y": last["y"].data})
