"""Sampling from the real-valued neural autoregressive density estimator, one variable after the other.

    a₁ = c,    h_d = relu(ρ_d a_d),    parameters_d = h_d @ v_d + b_d,    a_{d+1} = a_d + x_d w_d
"""

import numpy as np

from ..arrays.pool import run
from .heads import NORMAL_MIXTURE, sampler_of
from .machinery.compiling import loop
from .machinery.dispatch import kernel
from .machinery.wrapping import covered

draw_one = NORMAL_MIXTURE.one  # `sampler_of` puts another in its place


@kernel
def rnade_draw(noise, w, c, scale, v, b, values, observed, draw, settings):
    """`(x, parameters)`: values `(batch, D)` and the parameters `(batch, D, K)` that they were drawn from.

    noise `(batch, D, n)` is what `draw`, a `heads.Draw` with these `settings`, makes a value of; w `(D, H)`, scale ρ
    `(D,)`, v `(D, H, K)`, b `(D, K)`, and c `(H,)`, or `(batch, H)` where it differs between examples; `values`
    `(batch, D)` are taken where `observed` is true.
    """
    a = np.zeros((len(noise), c.shape[-1]), c.dtype) + c
    x, parameters = np.empty(values.shape, c.dtype), np.empty((len(noise), *b.shape), c.dtype)
    for d in range(len(w)):
        parameters[:, d] = np.maximum(scale[d] * a, 0) @ v[d] + b[d]
        drawn = draw.array(parameters[:, d], noise[:, d], settings)[:, 0]
        x[:, d] = np.where(observed[:, d], values[:, d], drawn)
        a += x[:, d, None] * w[d]
    return x, parameters


@rnade_draw.example
def _(make):
    """All values are given: drawn ones could differ by a rounding error, and then so would all after them."""
    variables, hidden, batch = make.size(64), make.size(128, 1, 20), make.count(512 * 64)
    noise, w = make.values((batch, variables, 2), 0, 1), make.standard((variables, hidden))
    scale, v, b = (make.standard(shape) for shape in ((variables,), (variables, hidden, 6), (variables, 6)))
    c = make.standard(make.choice([(hidden,), (batch, hidden)]))
    values = make.standard((batch, variables))
    return [noise, w, c, abs(scale) / variables, v, b, values, np.ones(values.shape, bool), NORMAL_MIXTURE, [1.0, 0.1]]


@loop
def _draw(start, stop, noise, w, c, scale, v, b, values, observed, settings, x, parameters):
    a, drawn, scratch = np.empty(c.shape[1], c.dtype), np.empty(1, c.dtype), np.empty(b.shape[1], c.dtype)
    for r in range(start, stop):
        first = c[r if c.shape[0] > 1 else 0]
        for j in range(first.size):
            a[j] = first[j]
        for d in range(w.shape[0]):
            out, weights = parameters[r, d], v[d]
            for k in range(out.size):
                out[k] = b[d, k]
            for j in range(a.size):
                h = scale[d] * a[j]
                if h > 0:
                    row = weights[j]
                    for k in range(out.size):
                        out[k] += h * row[k]
            draw_one(out, noise[r, d], settings, scratch, drawn)
            x[r, d] = values[r, d] if observed[r, d] else drawn[0]
            row, value = w[d], x[r, d]
            for j in range(row.size):
                a[j] += value * row[j]


@rnade_draw.compiled(above=1)
def _(noise, w, c, scale, v, b, values, observed, draw, settings):
    if not covered(noise, w, c, scale, v, b):
        return NotImplemented
    dtype = c.dtype
    x, parameters = np.empty(values.shape, dtype), np.empty((len(noise), *b.shape), dtype)
    rows, values = c if c.ndim == 2 else c[None], values.astype(dtype)
    arrays = [np.ascontiguousarray(array) for array in (noise, w, rows, scale, v, b, values, observed)]
    run(sampler_of(_draw, draw), len(noise), 1, *arrays, np.asarray(settings, dtype), x, parameters)
    return x, parameters
