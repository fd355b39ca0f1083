"""The case of the neural autoregressive density estimator's pass, whose reference goes by its definition."""

from __future__ import annotations

import numpy as np
from scipy import special

from minigen import ops
from ops.cases import case
from ops.source import Example


@case("nade_logits")
def _nade_logits(source, name):
    variables, hidden, levels = source.extent(), source.extent(), source.integer(2, 4)
    rows, outputs = levels - source.integer(0, 1), source.choice([1, levels])
    x = source.random().integers(0, levels, (source.extent(), variables))
    start = source.choice([(hidden,), (len(x), hidden)])  # one start for all examples, or one for each

    def reference(table, c, v, b):
        logits = np.zeros((len(x), variables, outputs), c.dtype)
        for n in range(len(x)):
            for d in range(variables):
                a = np.broadcast_to(c, (len(x), hidden))[n].astype(np.float64)
                for i in range(d):
                    row = x[n, i] - (levels - rows)
                    a = a + (table[i, row] if row >= 0 else 0)
                logits[n, d] = v[d] @ special.expit(a) + b[d]
        return logits

    args = [source.values(shape) for shape in (
        (variables, rows, hidden), start, (variables, outputs, hidden), (variables, outputs))]
    return Example(args, lambda *args: ops.nade_logits(*args, x, levels), reference)
