"""Makes binary data from integer levels: by a threshold, or by a coin for each value."""

import numpy as np

from ..arrays import as_generator

# Rows at a time: the result is the same as for all rows at once, in less memory.
_ROWS = 4096


def threshold(x, level) -> np.ndarray:
    """1 where `x` is at least `level`, else 0; uint8, the shape of `x`."""
    return (np.asarray(x) >= level).astype(np.uint8)


def stochastic(x, rng, levels: int) -> np.ndarray:
    """1 with probability x / (levels - 1), else 0; uint8, the shape of `x`.

    `x` holds integers 0 to levels - 1 and `rng` is a generator or a seed. Called once it makes a fixed binary
    data set; called for every batch (`Dataset.transform`) a dynamic one, after Salakhutdinov and Murray,
    "On the quantitative analysis of deep belief networks" (2008). Raises ValueError for values out of range.
    """
    x = np.asarray(x)
    if x.size and not (x.min() >= 0 and x.max() <= levels - 1):
        raise ValueError(f"x: expected values from 0 to {levels - 1}, got {x.min()} to {x.max()}")
    rng = as_generator(rng)
    out = np.empty(x.shape, np.uint8)
    rows, result = np.atleast_1d(x), np.atleast_1d(out)
    for begin in range(0, len(rows), _ROWS):
        p = rows[begin : begin + _ROWS].astype(np.float32)
        p *= 1.0 / (levels - 1)
        result[begin : begin + _ROWS] = rng.bernoulli(np.minimum(p, 1.0, out=p), dtype=np.uint8)
    return out


class Dynamic:
    """The transform `(batch, rng) -> batch` that makes `stochastic` binary data of `levels` anew for every batch."""

    def __init__(self, levels: int):
        self.levels = levels

    def __repr__(self):
        return f"Dynamic(levels={self.levels})"

    def __call__(self, batch, rng):
        return stochastic(batch, rng, self.levels)
