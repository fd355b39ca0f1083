"""The neural autoregressive density estimator's pass: conditionals of all variables from one running pre-activation.

    a₁ = c,    h_d = sigmoid(a_d),    logits_d = h_d @ v_dᵀ + b_d,    a_{d+1} = a_d + table_d[x_d]

costs O(D·H) for D variables and H hidden units, since a_{d+1} differs from a_d by one row (Larochelle and Murray, "The
Neural Autoregressive Distribution Estimator", 2011, algorithm 1). `table` `(D, values, H)` has a row for each value of
a variable; with one row fewer than values, value 0 adds nothing. Where x_d adds nothing h_{d+1} = h_d: the compiled
versions compute hidden units only after a variable that did, which on binary images is one in ten.
"""

import numpy as np

from ..arrays import array_module
from ..arrays.pool import run
from .activations import sigmoid
from .heads import TINY, invert, pick
from .machinery.compiling import loop
from .machinery.dispatch import kernel
from .machinery.functions import sigmoid as logistic
from .machinery.wrapping import covered

BLOCK = 16  # examples whose hidden units stay in the cache together


@kernel
def nade_logits(table, c, v, b, x, levels):
    """Logits `(batch, D, K)` of each variable given those before it.

    x `(batch, D)` holds integers 0 … levels - 1, v `(D, K, H)`, b `(D, K)`, and c `(H,)`, or `(batch, H)` where it
    differs between examples.
    """
    xp = array_module(table)
    dtype = xp.result_type(table, c, v, b)
    a = xp.zeros((len(x), c.shape[-1]), dtype) + c
    logits = xp.empty((len(x), *b.shape), dtype)
    for d in range(len(v)):
        logits[:, d] = sigmoid(a) @ v[d].T + b[d]
        a += _added(table[d], x[:, d], levels)
    return logits


@nade_logits.example
def _(make):
    table, c, v, b, x, levels = _example(make)
    return [table, c, v, b, x, levels]


@kernel
def nade_logits_vjp(g, table, c, v, x, levels):
    """Cotangents of table, c, v and b, from g `(batch, D, K)`."""
    xp = array_module(table)
    a = xp.zeros((len(x), c.shape[-1]), g.dtype) + c
    hidden = []
    for d in range(len(v)):
        hidden.append(sigmoid(a))
        a += _added(table[d], x[:, d], levels)
    g_table, g_v, g_a = xp.zeros(table.shape, g.dtype), xp.empty(v.shape, g.dtype), xp.zeros(a.shape, g.dtype)
    for d in reversed(range(len(v))):
        for row, value in enumerate(range(levels - table.shape[1], levels)):
            g_table[d, row] = (x[:, d] == value).astype(g.dtype) @ g_a
        g_v[d] = g[:, d].T @ hidden[d]
        g_a += (g[:, d] @ v[d]) * (hidden[d] * (1 - hidden[d]))
    return g_table, g_a if c.ndim == 2 else g_a.sum(axis=0), g_v, g.sum(axis=0)


@nade_logits_vjp.example
def _(make):
    table, c, v, b, x, levels = _example(make)
    return [make.standard((len(x), *b.shape)), table, c, v, x, levels]


@kernel
def nade_draw(u, table, c, v, b, given, levels, temperature=1.0):
    """Integers `(batch, D)` drawn one variable after the other, and the logits `(batch, D, K)` that they came from.

    Values are drawn by inversion of the uniform numbers u `(batch, D)`, from the logits divided by the temperature.
    `given` has the shape of u: values that are fixed, and -1 where one is to be drawn. With K = 1 the logit is that of
    value 1 of two, else K = levels.
    """
    xp = array_module(table)
    a = xp.zeros((len(u), c.shape[-1]), c.dtype) + c
    x, logits = xp.empty(u.shape, np.int64), xp.empty((len(u), *b.shape), c.dtype)
    for d in range(len(v)):
        logits[:, d] = sigmoid(a) @ v[d].T + b[d]
        x[:, d] = xp.where(given[:, d] >= 0, given[:, d], invert(u[:, d], logits[:, d], temperature))
        a += _added(table[d], x[:, d], levels)
    return x, logits


@nade_draw.example
def _(make):
    """All values are given: drawn ones could differ by a rounding error, and then so would all after them."""
    table, c, v, b, x, levels = _example(make)
    return [make.values(x.shape, 0, 1), table, c, v, b, x, levels]


def _example(make):
    """An estimator of 64 variables with 128 hidden units, or a small one, and values."""
    variables, hidden, levels = make.size(64), make.size(128, 1, 20), make.size(2, 2, 4)
    rows, outputs = levels - 1, 1 if levels == 2 else levels
    batch = make.count(512 * 64)
    c = make.standard(make.choice([(hidden,), (batch, hidden)]))
    return [make.standard((variables, rows, hidden)), c, make.standard((variables, outputs, hidden)),
            make.standard((variables, outputs)), make.integers(0, levels, (batch, variables)), levels]


def _added(rows, x, levels):
    """The row of each value in x, zeros for a value 0 that has none."""
    first = levels - len(rows)
    xp = array_module(rows)
    return xp.where((x < first)[:, None], 0, rows[xp.maximum(x - first, 0)])


@loop
def _restart(c, a, h):
    for j in range(c.size):
        a[j] = c[j]
        h[j] = logistic(c[j])


@loop
def _step(row, a, h):
    """a ← a + row and h = sigmoid(a)."""
    for j in range(row.size):
        a[j] += row[j]
        h[j] = logistic(a[j])


@loop
def _head(h, v, b, logits):
    """logits = v @ h + b."""
    for k in range(b.size):
        total, w = h.dtype.type(0), v[k]
        for j in range(h.size):
            total += h[j] * w[j]
        logits[k] = total + b[k]


@loop
def _logits_vjp(start, stop, g, table, c, v, x, first, g_table, g_c, g_v):
    """Hidden units start … stop of all four cotangents: nothing is shared between hidden units.

    c and g_c have a row for each example, or one for all.
    """
    size, variables = stop - start, v.shape[0]
    for block in range(0, g.shape[0], BLOCK):
        n = min(BLOCK, g.shape[0] - block)
        steps = 1
        for r in range(n):
            for d in range(variables):
                steps += x[block + r, d] >= first
        # hidden units between two variables that add something, for one example after the other
        states = np.empty((steps + n, size), c.dtype)
        last = np.empty(n, np.int64)
        a, g_h, g_a = np.empty(size, c.dtype), np.zeros((n, size), c.dtype), np.zeros((n, size), c.dtype)
        position = 0
        for r in range(n):
            _restart(c[block + r if c.shape[0] > 1 else 0, start:stop], a, states[position])
            for d in range(variables):
                value = x[block + r, d]
                if value >= first:
                    position += 1
                    _follow(table[d, value - first, start:stop], a, states[position])
            last[r] = position
            position += 1
        for d in range(variables - 1, -1, -1):
            for r in range(n):
                value = x[block + r, d]
                if value >= first:
                    _collect(states[last[r]], g_h[r], g_a[r])
                    last[r] -= 1
                    _add(g_a[r], g_table[d, value - first, start:stop])
                for k in range(v.shape[1]):
                    _outer(g[block + r, d, k], states[last[r]], v[d, k, start:stop], g_v[d, k, start:stop], g_h[r])
        for r in range(n):
            _collect(states[last[r]], g_h[r], g_a[r])
            _add(g_a[r], g_c[block + r if c.shape[0] > 1 else 0, start:stop])


@loop
def _follow(row, a, h):
    for j in range(np.uint64(row.size)):
        a[j] += row[j]
        h[j] = logistic(a[j])


@loop
def _collect(h, g_h, g_a):
    """g_a ← g_a + g_h·h·(1 - h), and g_h starts anew."""
    for j in range(h.size):
        g_a[j] += g_h[j] * (h[j] * (1 - h[j]))
        g_h[j] = 0


@loop
def _add(row, out):
    for j in range(row.size):
        out[j] += row[j]


@loop
def _outer(g, h, v, g_v, g_h):
    for j in range(h.size):
        g_v[j] += g * h[j]
        g_h[j] += g * v[j]


@loop
def _draw(start, stop, u, table, c, v, b, given, first, sharpness, x, logits):
    weights = np.empty(b.shape[1], c.dtype)
    for block in range(start, stop, BLOCK):
        n = min(BLOCK, stop - block)
        a, h = np.empty((n, c.shape[1]), c.dtype), np.empty((n, c.shape[1]), c.dtype)
        for r in range(n):
            _restart(c[block + r if c.shape[0] > 1 else 0], a[r], h[r])
        for d in range(v.shape[0]):
            for r in range(n):
                value = given[block + r, d]
                _head(h[r], v[d], b[d], logits[block + r, d])
                if value < 0:
                    value = pick(u[block + r, d], logits[block + r, d], sharpness, weights)
                x[block + r, d] = value
                if value >= first:
                    _step(table[d, value - first], a[r], h[r])


@nade_logits.compiled(above=1024)
def _(table, c, v, b, x, levels):
    if not covered(table, c, v, b):
        return NotImplemented
    return _drawn(np.empty((len(x), 0), c.dtype), table, c, v, b, x, levels, 1.0)[1]


@nade_logits_vjp.compiled(above=1024, by=1)
def _(g, table, c, v, x, levels):
    if not covered(g, table, c, v):
        return NotImplemented
    rows = c if c.ndim == 2 else c[None]
    arrays = [np.ascontiguousarray(array) for array in (g, table, rows, v, x)]
    g_table, g_c, g_v = np.zeros(table.shape, c.dtype), np.zeros(rows.shape, c.dtype), np.zeros(v.shape, c.dtype)
    run(_logits_vjp, rows.shape[1], 32, *arrays, levels - table.shape[1], g_table, g_c, g_v)
    return g_table, g_c.reshape(c.shape), g_v, g.sum(axis=0)


@nade_draw.compiled(above=1, by=0)
def _(u, table, c, v, b, given, levels, temperature=1.0):
    if not covered(u, table, c, v, b):
        return NotImplemented
    return _drawn(u, table, c, v, b, given, levels, temperature)


def _drawn(u, table, c, v, b, given, levels, temperature):
    """Values and logits; u is not read where all values are given, which is how a density is computed."""
    x, logits = np.empty(given.shape, np.int64), np.empty((len(u), *b.shape), c.dtype)
    arrays = [np.ascontiguousarray(array) for array in (u, table, c if c.ndim == 2 else c[None], v, b, given)]
    sharpness = c.dtype.type(1 / max(temperature, TINY))
    run(_draw, len(u), 1, *arrays, levels - table.shape[1], sharpness, x, logits)
    return x, logits
