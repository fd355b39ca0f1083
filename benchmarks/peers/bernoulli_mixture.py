"""The same iteration in plain NumPy: two float32 products of all the data, and what stands between them in place."""

import numpy as np

from .. import inputs
from ..rows import Work


def build(rows, columns, components, variant="eager"):
    """The E-step and the M-step."""
    x = inputs.binary(rows, columns).astype(np.float32)
    state = {"weights": np.full(components, 1 / components), "means": 0.25 + 0.5 * x[:components]}

    def step():
        log_one, log_zero = np.log(state["means"]), np.log1p(-state["means"])
        r = x @ (log_one - log_zero).T.astype(np.float32)
        r += (np.log(state["weights"]) + log_zero.sum(axis=1)).astype(np.float32)
        r -= r.max(axis=1, keepdims=True)
        np.exp(r, out=r)
        r /= r.sum(axis=1, keepdims=True)
        counts = r.sum(axis=0)
        state["weights"], state["means"] = counts / rows, (r.T @ x + 0.1) / (counts[:, None] + 0.2)

    return Work(step, lambda: state)
