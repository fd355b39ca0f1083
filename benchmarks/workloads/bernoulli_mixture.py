"""An iteration of expectation-maximisation for a mixture of products of Bernoullis."""

import numpy as np

from minigen import DataSpec, models

from .. import inputs
from ..rows import Work


def build(rows, columns, components):
    """The E-step and the M-step."""
    x = inputs.binary(rows, columns).astype(np.uint8)
    model = models.create("bernoulli_mixture", DataSpec((columns,), "binary"), n_components=components, smoothing=0.1)
    model.assign(np.full(components, 1 / components), 0.25 + 0.5 * x[:components])
    data = model.prepare(x)

    def step():
        statistics, *_ = model.e_step(data)
        model.m_step(statistics)

    return Work(step, lambda: {"weights": model.weights, "means": model.means})
