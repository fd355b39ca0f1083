"""Matrix products, factorisations and solutions; leading axes are batch axes, as in numpy.linalg."""

import math

import numpy as np

from ..arrays import array_module
from ..autograd import raw
from ..autograd.primitive import primitive
from ..kernels.machinery.examples import Example
from .shape import reshape, transpose


def _t(a):
    """The matrices transposed."""
    axes = list(range(a.ndim))
    axes[-2:] = axes[-1], axes[-2]
    return transpose(a, tuple(axes))


@primitive(residuals=("x", "y"))
def matmul(x, y, /):
    """Matrix product x @ y, both of them arrays; one-dimensional ones are vectors."""
    if not (hasattr(x, "ndim") and hasattr(y, "ndim")):
        raise TypeError(f"matmul: expected arrays, got {type(x).__name__} and {type(y).__name__}")
    if y.ndim == 2 and x.ndim > 2:  # one product of many rows instead of many products of few
        return (x.reshape(math.prod(x.shape[:-1]), x.shape[-1]) @ y).reshape(*x.shape[:-1], y.shape[-1])
    return x @ y


@matmul.defvjp
def _(g, residuals, needed):
    x, y = residuals
    vector_x, vector_y = x.ndim == 1, y.ndim == 1
    if vector_x or vector_y:  # write vectors as matrices of one row or column
        x = reshape(x, (1, -1)) if vector_x else x
        y = reshape(y, (-1, 1)) if vector_y else y
        g = reshape(g, (*(g.shape[:-1] if vector_x and not vector_y else g.shape), 1, *g.shape[-1:])
                    if vector_x and not vector_y else (*g.shape, 1) if not vector_x else (1, 1))
    gx = matmul(g, _t(y)) if needed[0] else None
    gy = None
    if needed[1]:
        if y.ndim == 2 and x.ndim > 2:  # one product instead of a sum over the batch
            rows = math.prod(x.shape[:-1])
            gy = _t(reshape(x, (rows, x.shape[-1]))) @ reshape(g, (rows, g.shape[-1]))
        else:
            gy = _t(x) @ g
    if vector_x and gx is not None:
        gx = gx[..., 0, :]
    if vector_y and gy is not None:
        gy = gy[..., 0]
    return gx, gy


@matmul.example(scalars=False)
def _(make):
    m, n, k = (make.extent() for _ in range(3))
    batch_x, batch_y = make.broadcastable()
    x = make.choice([(*batch_x, m, n), (*batch_x, m, n), (m, n), (n,)])
    y = make.choice([(*batch_y, n, k), (*batch_y, n, k), (n, k), (n,)])
    return [make.values(x), make.values(y)]


@primitive(residuals=("a", "b", "output"))
def solve(a, b, /):
    """The x with a @ x = b, b a matrix or (one-dimensional) a vector."""
    return array_module(a, b).linalg.solve(a, b)


@solve.defvjp
def _(g, residuals, needed):
    a, b, x = residuals
    vector = b.ndim == 1  # and yet x, of a batch of matrices a, may have more axes
    gb = solve(_t(a), g[..., None] if vector else g)
    ga = -(gb @ (x[..., None, :] if vector else _t(x))) if needed[0] else None
    return ga, gb[..., 0] if vector else gb


@solve.example(scalars=False)
def _(make):
    n = make.extent()
    batch_a, batch_b = make.broadcastable()
    b = make.choice([(n,), (*batch_b, n, make.extent()), (*batch_b, n, make.extent())])
    return [make.matrices(batch_a, n), make.values(b)]


def _triangle(a, lower):
    """a with the other triangle set to 0, by a mask, so that it works on Tensors too."""
    n = a.shape[-1]
    xp = array_module(raw(a))
    return a * (xp.tril if lower else xp.triu)(xp.ones((n, n), dtype=bool))


@primitive(residuals=("a", "lower", "transposed", "output"))
def triangular_solve(a, b, /, lower=True, transposed=False):
    """The x with a @ x = b (or aᵀ @ x = b), where only a's lower (or upper) triangle is read; b is a matrix."""
    xp = array_module(a, b)
    if a.ndim < 2 or b.ndim < 2 or not a.shape[-1] == a.shape[-2] == b.shape[-2]:
        raise ValueError("triangular_solve: expected a square matrix a and a matrix b with as many rows, or batches of "
                         f"them, got shapes {a.shape} and {b.shape}")
    if a.ndim == b.ndim == 2 and a.shape[0] > 32 and xp is np:
        from scipy.linalg import solve_triangular
        return solve_triangular(a, b, lower=lower, trans=1 if transposed else 0, check_finite=False)
    # Small matrices, or many: row by row for the whole batch at once, where LAPACK would cost a call for each.
    a = xp.swapaxes(a, -1, -2) if transposed else a
    n, lower = a.shape[-1], lower != transposed
    x = xp.zeros((*xp.broadcast_shapes(a.shape[:-2], b.shape[:-2]), *b.shape[-2:]), xp.result_type(a, b, xp.float32))
    for i in range(n) if lower else reversed(range(n)):
        known = slice(0, i) if lower else slice(i + 1, n)
        rest = b[..., i : i + 1, :] - a[..., i : i + 1, known] @ x[..., known, :]
        x[..., i : i + 1, :] = rest / a[..., i : i + 1, i : i + 1]
    return x


@triangular_solve.defvjp
def _(g, residuals, needed):
    a, lower, transposed, x = residuals
    gb = triangular_solve(a, g, lower, not transposed)
    ga = None
    if needed[0]:
        ga = -_triangle(x @ _t(gb) if transposed else gb @ _t(x), lower)
    return ga, gb


@triangular_solve.example(scalars=False)
def _(make):
    n = make.choice([make.extent(), make.extent(), make.extent(), 40])
    batch_a, batch_b = make.broadcastable() if n < 40 else ((), ())
    return Example(make.matrices(batch_a, n), make.values((*batch_b, n, make.extent())), lower=make.boolean(),
                   transposed=make.boolean())


@primitive(residuals=("output",))
def inverse(a, /):
    """The inverse matrix."""
    return array_module(a).linalg.inv(a)


@inverse.defvjp
def _(g, residuals, needed):
    (y,) = residuals
    return (-(_t(y) @ g @ _t(y)),)


@inverse.example(scalars=False)
def _(make):
    return [make.matrices(make.shape(0, 2, smallest=1), make.extent())]


@primitive(residuals=("output",))
def cholesky(a, /):
    """The lower-triangular L with L @ Lᵀ = a, of a symmetric positive definite matrix; the gradient is symmetric."""
    return array_module(a).linalg.cholesky(a)


@cholesky.defvjp
def _(g, residuals, needed):
    # With Φ the lower triangle with its diagonal halved: S = L⁻ᵀ Φ(Lᵀ g) L⁻¹, made symmetric (Murray, 2016)
    (lower,) = residuals
    n = lower.shape[-1]
    xp = array_module(raw(lower))
    phi = _t(lower) @ g * (xp.tril(xp.ones((n, n), lower.dtype)) - 0.5 * xp.eye(n, dtype=lower.dtype))
    left = triangular_solve(lower, phi, True, True)
    both = _t(triangular_solve(lower, _t(left), True, True))
    return (0.5 * (both + _t(both)),)


@cholesky.example(scalars=False)
def _(make):
    """Of the symmetric part: other matrices have no factor."""
    return Example(make.matrices(make.shape(0, 2), make.extent()), call=lambda a: cholesky(0.5 * (a + _t(a))))


@primitive(residuals=("a",))
def logabsdet(a, /):
    """log|det a|; -inf for a singular matrix."""
    return array_module(a).linalg.slogdet(a)[1]


@logabsdet.defvjp
def _(g, residuals, needed):
    (a,) = residuals
    return (g[..., None, None] * _t(inverse(a)),)


@logabsdet.example(scalars=False)
def _(make):
    return [make.matrices(make.shape(0, 2), make.extent(1)) * make.choice([1.0, -1.0])]
