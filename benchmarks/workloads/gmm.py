"""An iteration of expectation-maximisation for a mixture of normals with full covariance."""

import numpy as np

from minigen import DataSpec, models

from .. import inputs
from ..rows import Work


def build(rows, columns, components):
    """The E-step and the M-step."""
    x = inputs.clusters(rows, columns, components)
    model = models.create("gmm", DataSpec((columns,), "continuous"), n_components=components)
    weights, spread = np.full(components, 1 / components), np.diag(x.var(axis=0))
    model.assign(weights, x[:components], np.broadcast_to(spread, (components, columns, columns)))
    data = model.prepare(x)

    def step():
        statistics, _ = model.e_step(data)
        model.m_step(statistics)

    return Work(step, lambda: {"weights": model.weights, "means": model.loc.data, "covariances": model.covariance})
