"""One update by torch.optim.Adam."""

import torch

from .. import inputs
from ..rows import Work


def build(size, variant="eager"):
    """The update, the gradient already in its place."""
    parameter = torch.nn.Parameter(torch.from_numpy(inputs.normal(size)))
    parameter.grad = torch.from_numpy(inputs.normal(size, seed=2))
    optimizer = torch.optim.Adam([parameter], lr=1e-3, fused=True if variant != "default" else None)
    return Work(step=optimizer.step, values=lambda: {"parameter": parameter.detach().numpy().copy()})
