"""Cases of the products with masked matrices, whose references are written out in loops; see `cases`."""

from __future__ import annotations

import itertools

import numpy as np

from minigen import ops
from ops.cases import case
from ops.source import Example


def draw(source):
    """The shape of the leading axes and a mask: a staircase or any."""
    n, m = source.extent(), source.extent()
    if source.boolean():
        mask = source.random().integers(0, 4, n)[:, None] <= source.random().integers(0, 4, m)
    else:
        mask = source.random().random((n, m)) < 0.5
    return source.shape(0, 2), mask


@case("masked_matmul")
def _masked_matmul(source, name):
    leading, mask = draw(source)

    def reference(x, w):
        y = np.zeros((*leading, mask.shape[1]), np.result_type(x, w))
        for place, (i, j) in itertools.product(np.ndindex(leading), zip(*np.nonzero(mask), strict=True)):
            y[(*place, j)] += x[(*place, i)] * w[i, j]
        return y

    args = [source.values((*leading, mask.shape[0])), source.values(mask.shape)]
    return Example(args, lambda x, w: ops.masked_matmul(x, w, mask), reference)


@case("masked_weight")
def _masked_weight(source, name):
    leading, mask = draw(source)

    def reference(x, y):
        w = np.zeros(mask.shape, np.result_type(x, y))
        for place, (i, j) in itertools.product(np.ndindex(leading), zip(*np.nonzero(mask), strict=True)):
            w[i, j] += x[(*place, i)] * y[(*place, j)]
        return w

    args = [source.values((*leading, n)) for n in mask.shape]
    return Example(args, lambda x, y: ops.masked_weight(x, y, mask), reference)
