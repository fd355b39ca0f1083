"""Bits per dimension of discrete data under a continuous density, by uniform dequantisation.

Examples x of D integers 0 … levels-1 are made continuous by noise: y = (x + u)/levels with u uniform in [0, 1)^D lies
between 0 and 1. A density p of y states a probability of x,

    P(x) = ∫ p((x + u)/levels) levels^-D du,    log P(x) ≥ E_u log p(y) - D·log levels    (Jensen),

so that    bits per dimension = -(log p(y) - D·log levels) / (D·ln 2) = log2 levels - log p(y) / (D·ln 2)

bounds the bits of x from above and can be compared with those of a discrete model. Without the noise there is no such
relation, since a density can be made as high as one likes at integers. With k draws of u for x, the log of the mean of
p(y) is a tighter bound, which rises to log P(x).

Uria, Murray and Larochelle, "RNADE", 2013; Theis, van den Oord and Bethge, "A note on the evaluation of generative
models", 2016 (section 3.1); Ho et al., "Flow++", 2019 (equation 12, with a learned noise).
"""

import math

import numpy as np

from ..arrays import as_generator, to_numpy
from ..arrays.checks import integer, positive_integer
from ..autograd import no_grad, raw
from .likelihood import per_example, summarise


def dequantise(x, levels, rng, dtype=np.float32):
    """(x + u)/levels, u uniform in [0, 1): an array of `dtype` shaped like the integers x, from 0 to below 1.

    Raises ValueError if a value is not an integer from 0 to levels - 1, and for `levels` below 2.
    """
    x, levels = _check(x, levels), integer("levels", levels, 2)
    noise = as_generator(rng).random(x.shape, dtype=np.float64)
    values = ((x + noise) / levels).astype(dtype)
    return np.minimum(values, np.nextafter(np.ones((), dtype), np.zeros((), dtype)))  # rounding may reach 1


def dequantised_figures(model, x, levels, rng=0, k=1):
    """Held-out figures of discrete data x `(n, ...)` under a continuous density of (x + u)/levels.

    A dict as `evaluate` gives: `value`, the mean lower bound on log P(x) in nats per example with `k` draws of the
    noise, `standard_error`, `bits_per_dimension` with `bits_standard_error`, `n`, `samples` and `dequantisation`.
    Raises ValueError for a model without log_prob, for a model of data that are not continuous, and as `dequantise`.
    """
    if not model.offers("log_prob") or model.spec.kind != "continuous":
        raise ValueError(f"model: expected a density of continuous data, got {model.name} of "
                         f"{model.spec.kind} data")
    x, k = _check(x, levels), positive_integer("k", k)
    if x.shape[1:] != model.spec.shape:
        raise ValueError(f"x: expected shape (n, {', '.join(map(str, model.spec.shape))}), got {x.shape}")
    volume = model.spec.dimensions * math.log(levels)

    def bound(batch, stream):
        total = None
        for _ in range(k):
            with no_grad():
                value = to_numpy(raw(model.log_prob(model.xp.asarray(dequantise(batch.x, levels, stream)))))
            total = value if total is None else np.logaddexp(total, value)
        return total - math.log(k) - volume

    figures = summarise(per_example(bound, x, as_generator(rng), k), model.spec.dimensions)
    return {**figures, "samples": k, "dequantisation": "uniform"}


def _check(x, levels):
    x = np.asarray(x)
    if x.dtype.kind not in "biu" or x.ndim < 2 or len(x) == 0:
        raise ValueError(f"x: expected integers of shape (n, ...), got {x.dtype} of shape {x.shape}")
    if x.min() < 0 or x.max() >= levels:
        raise ValueError(f"x: expected integers 0 to {levels - 1}, got {x.min()} to {x.max()}")
    return x
