"""The chain of ops on small arrays in PyTorch."""

import torch

from .. import inputs
from ..rows import Work


def chain(x, w, b):
    """x through 400 ops: multiply, add and tanh in turn."""
    for _ in range(100):
        x = torch.tanh(x * w + b)
        x = x * w
    return x


def build(backward, variant="eager"):
    """The chain, or its gradient."""
    leaves = [torch.from_numpy(inputs.normal(4, 4, seed=seed, scale=0.5)).requires_grad_() for seed in (1, 2, 3)]
    cotangent, last = torch.from_numpy(inputs.normal(4, 4, seed=4)), {}

    def forward():
        last["y"] = chain(*leaves)

    def sweep(y):
        last.update(enumerate(torch.autograd.grad(y, leaves, cotangent)))

    if backward:
        return Work(step=sweep, prepare=lambda: chain(*leaves), values=lambda: {k: g.numpy() for k, g in last.items()})
    return Work(step=forward, values=lambda: {"y": last["y"].detach().numpy()})
