"""F.conv2d with a masked weight, and the gradients of its input and weight."""

import torch
from torch.nn import functional as F

from .. import inputs
from ..rows import Work


def build(size, kind, channels_in, channels_out, batch, extent, variant="eager"):
    """Forward and both gradients."""
    taps, shape = inputs.taps(size, kind), (batch, extent, extent)
    places = [((i + size // 2), (j + size // 2)) for i, j in taps]
    live = inputs.normal(len(taps), channels_in, channels_out, seed=2, scale=0.1)
    weight, mask = torch.zeros(channels_out, channels_in, size, size), torch.zeros(size, size)
    for w, (i, j) in zip(live, places, strict=True):
        weight[:, :, i, j], mask[i, j] = torch.from_numpy(w).T, 1.0
    weight.requires_grad_()
    x, cotangent = (
        torch.from_numpy(inputs.normal(*shape, channels, seed=seed)).permute(0, 3, 1, 2).contiguous()
        for channels, seed in ((channels_in, 1), (channels_out, 3)))
    x.requires_grad_()
    masked, last = kind != "dense", {}

    def step():
        y = F.conv2d(x, weight * mask if masked else weight, padding=size // 2)
        last["x"], last["w"] = torch.autograd.grad(y, [x, weight], cotangent)
        last["y"] = y.detach()

    def values():
        w = [last["w"][:, :, i, j].T for i, j in places]
        return {"w": torch.stack(w).numpy(), **{n: last[n].permute(0, 2, 3, 1).numpy() for n in ("x", "y")}}

    return Work(step, values)
