"""Sampling from the real-valued neural autoregressive density estimator, one variable after the other.

    a₁ = c,    h_d = relu(ρ_d a_d),    parameters_d = h_d @ v_d + b_d,    a_{d+1} = a_d + x_d w_d
"""

import numpy as np

from ..arrays.pool import run
from .compiling import loop
from .dispatch import kernel
from .heads import draw, draw_one
from .wrapping import covered


@kernel
def rnade_draw(noise, w, c, scale, v, b, values, known, head, floor):
    """`(x, parameters)`: values `(batch, D)` and the mixtures `(batch, D, K)` that they were drawn from.

    noise `(batch, D, 2)` is what a step's head draws from (see `heads`); w `(D, H)`, c `(H,)`, scale ρ `(D,)`, v
    `(D, H, K)`, b `(D, K)`; `values` `(batch, D)` are taken where `known` is true; `floor` is the least scale.
    """
    a = np.zeros((len(noise), c.size), c.dtype) + c
    x, parameters = np.empty(values.shape, c.dtype), np.empty((len(noise), *b.shape), c.dtype)
    for d in range(len(w)):
        parameters[:, d] = np.maximum(scale[d] * a, 0) @ v[d] + b[d]
        drawn = draw(head, parameters[:, d], noise[:, d], floor)[:, 0]
        x[:, d] = np.where(known[:, d], values[:, d], drawn)
        a += x[:, d, None] * w[d]
    return x, parameters


@loop
def _draw(start, stop, noise, w, c, scale, v, b, values, known, head, floor, x, parameters):
    a, drawn, scratch = np.empty(c.size, c.dtype), np.empty(1, c.dtype), np.empty(b.shape[1], c.dtype)
    for r in range(start, stop):
        for j in range(c.size):
            a[j] = c[j]
        for d in range(w.shape[0]):
            out, weights = parameters[r, d], v[d]
            for k in range(out.size):
                out[k] = b[d, k]
            for j in range(c.size):
                h = scale[d] * a[j]
                if h > 0:
                    row = weights[j]
                    for k in range(out.size):
                        out[k] += h * row[k]
            draw_one(head, out, noise[r, d], floor, scratch, drawn)
            x[r, d] = values[r, d] if known[r, d] else drawn[0]
            row, value = w[d], x[r, d]
            for j in range(row.size):
                a[j] += value * row[j]


@rnade_draw.compiled(above=1)
def _(noise, w, c, scale, v, b, values, known, head, floor):
    if not covered(noise, w, c, scale, v, b):
        return NotImplemented
    x, parameters = np.empty(values.shape, c.dtype), np.empty((len(noise), *b.shape), c.dtype)
    arrays = [np.ascontiguousarray(array) for array in (noise, w, c, scale, v, b, values.astype(c.dtype), known)]
    run(_draw, len(noise), 1, *arrays, head, c.dtype.type(floor), x, parameters)
    return x, parameters
