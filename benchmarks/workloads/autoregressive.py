"""The registered autoregressive models: the training step that the loop repeats, and sampling."""

import numpy as np

from minigen import DataSpec, models
from minigen.arrays import Generator
from minigen.training import make_step

from .. import inputs, networks
from ..rows import Work

MADE = (784, 500, 500, 784)


def create(name, extent, settings):
    """The model with the benchmark's parameters."""
    if name == "made":
        model = models.create("made", DataSpec((784,), "binary"), hidden=MADE[1:-1])
        start = networks.made(MADE)
    elif name == "nade":
        start = networks.nade(**settings)
        model = models.create("nade", DataSpec(start["b"].shape[:1], "binary"))
    elif name == "pixelcnn_pp":
        spec = DataSpec((extent, extent, 3), "discrete", levels=256)
        model = models.create("pixel_cnn_pp", spec, dropout=0.0, **settings)
        start = networks.parameters(networks.pixelcnn_pp(**settings))
    else:
        key, spec = {"pixelcnn": "pixel_cnn", "gated_pixelcnn": "gated_pixel_cnn"}[name], (extent, extent, 1)
        model = models.create(key, DataSpec(spec, "binary"), **settings)
        start = networks.parameters(getattr(networks, name)(**settings))
    model.to(dtype=inputs.DTYPE)
    model.load_state_dict({**model.state_dict(), **start})
    return model, list(start)


def build(name, batch, extent=28, settings=None, sampling=False, forced=False):
    """A training step, or drawing `batch` examples; `forced` takes the values of all variables from the data."""
    model, trained = create(name, extent, settings or {})
    data = inputs.examples(model.spec.shape, batch, model.spec.levels)
    if sampling:
        return _sampling(model, data, forced)
    step, rng = make_step(model), Generator(2)
    return Work(step=lambda: step(data, rng), update=lambda rng: step(data, rng), noise=lambda rng: [],
                values=lambda: {key: array for key, array in model.state_dict().items() if key in trained})


def _sampling(model, data, forced):
    given, rng, last = (data, np.ones(data.shape, bool)) if forced else None, Generator(3), {}

    def step():
        last["x"], last["parameters"] = model.draw(len(data), rng, given=given)

    def values():
        return {"x": last["x"].reshape(len(data), -1),
                "parameters": last["parameters"].reshape(len(data), -1).astype(inputs.DTYPE)}

    return Work(step, values)
