"""Scores of examples by a kernel density estimate."""

import numpy as np

from minigen import DataSpec, models

from .. import inputs
from ..rows import Work


def build(points, queries, columns, bandwidth):
    """log p of `queries` rows by a normal kernel on each of `points` others."""
    model = models.create("kde", DataSpec((columns,), "continuous"), bandwidth=bandwidth)
    model.fit(inputs.normal(points, columns).astype(np.float64))
    x, last = inputs.normal(queries, columns, seed=2).astype(np.float64), {}

    def step():
        last["log_prob"] = model.score_samples(x)

    return Work(step, values=lambda: last)
