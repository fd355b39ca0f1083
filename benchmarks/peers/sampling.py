"""Drawing examples in PyTorch: the plain loop that runs the whole network for each step, and loops with caches."""

import torch

from .. import inputs
from ..rows import Work
from . import sampling_gated, sampling_pp, sampling_vectors

SAMPLERS = {"made": sampling_vectors.MADE, "nade": sampling_vectors.NADE, "gated_pixelcnn": sampling_gated.Gated,
            "pixelcnn_pp": sampling_pp.PlusPlus}
PASSES = {"made": 784, "nade": 4, "gated_pixelcnn": 4, "pixelcnn_pp": 4}  # of the plain loop, in one repeat


def build(name, batch, extent=28, settings=None, forced=False, variant="eager"):
    """Draw `batch` examples with caches, or for variant "plain" by the plain loop.

    A sampler has `shape` (steps, uniform numbers for each), and `plain(u, given, steps)` and `cached(u, given)`, which
    give examples (batch, steps, values) and the parameters that they came from. The plain loop's passes all take the
    same time, so that a few of them stand for all.
    """
    sampler = SAMPLERS[name](extent, settings or {})
    data = torch.from_numpy(sampler.data(batch).reshape(batch, sampler.shape[0], -1)) if forced else None
    steps = sampler.shape[0] if forced else min(sampler.shape[0], PASSES[name])
    dtype, last = getattr(torch, inputs.DTYPE), {}

    @torch.inference_mode()
    def step():
        u = torch.rand(batch, *sampler.shape, dtype=dtype)
        examples, parameters = sampler.plain(u, data, steps) if variant == "plain" else sampler.cached(u, data)
        last["x"], last["parameters"] = examples.reshape(batch, -1), parameters.reshape(batch, -1)

    def values():
        return {"x": last["x"].numpy(), "parameters": last["parameters"].numpy()}

    return Work(step, values, share=steps / sampler.shape[0] if variant == "plain" else 1.0)
