"""The components of a mixture of normals: their covariances in four forms, and their densities.

A covariance is stored as an array `factor` without constraints, from which comes a scale:

    full, tied            L, lower triangular, Σ = L Lᵀ           L_ii = √(floor + exp(2·factor_ii)), L_ij = factor_ij
    diagonal, spherical   standard deviations σ, Σ = diag σ²      σ = √(floor + exp(2·factor))

A scale has shape `(K, D, D)` if full, `(1, D, D)` if tied, `(K, D)` if diagonal and `(K, 1)` if spherical. L_ii² is the
variance of column i given the columns before it. Functions of scales take Tensors and are differentiable.
"""

import numpy as np

from .... import ops
from ....arrays.constants import LOG_2PI

TYPES = ("full", "tied", "diagonal", "spherical")
EPS = np.finfo(np.float64).eps


def factor_shape(form, k, d):
    """The shape of `factor`, and of the covariance, for `k` components in `d` dimensions."""
    return {"full": (k, d, d), "tied": (d, d), "diagonal": (k, d), "spherical": (k,)}[form]


def scale_of(factor, form, floor):
    """The scale that belongs to a factor."""
    if form in ("full", "tied"):
        factor = factor if form == "full" else factor.reshape(1, *factor.shape)  # (K or 1, D, D)
        d = factor.shape[-1]
        diagonal = np.eye(d, dtype=factor.dtype)
        below = np.tril(np.ones((d, d), factor.dtype), -1)
        return factor * below + ops.sqrt(floor + ops.exp(2 * factor * diagonal)) * diagonal
    factor = factor if form == "diagonal" else factor.reshape(-1, 1)
    return ops.sqrt(floor + ops.exp(2 * factor))


def factor_of(covariance, form, floor):
    """The factor that belongs to a covariance; numbers only. Raises LinAlgError if that is not positive definite."""
    if form not in ("full", "tied"):
        return 0.5 * np.log(_above(covariance, floor))
    factor = np.linalg.cholesky(covariance)
    diagonal = (..., *np.diag_indices(covariance.shape[-1]))
    factor[diagonal] = 0.5 * np.log(_above(factor[diagonal] ** 2, floor))
    return factor


def _above(variances, floor):
    """Variances less the floor, at least a rounding error of them, so that their logarithm is finite."""
    return np.maximum(variances - floor, EPS * variances)


def covariance_of(scale, form):
    """Σ in the shape of the factor, of the scale's numbers."""
    if form in ("full", "tied"):
        covariance = scale @ scale.transpose(0, 2, 1)
        return covariance if form == "full" else covariance[0]
    return scale**2 if form == "diagonal" else scale[:, 0] ** 2


def log_normals(x, loc, scale, observed=None):
    """log N(x_n; μ_k, Σ_k) in nats, `(K, n)`, of the observed values alone.

    `x` is `(n, D)`, `observed` None or booleans likewise, which for full and tied scales are the same in all rows.
    """
    if scale.ndim == 2:
        z = (x - loc[:, None]) / scale[:, None]  # (K, n, D)
        terms = ops.square(z) + 2 * ops.log(scale[:, None]) + LOG_2PI
        if observed is not None:
            terms = terms * observed
        return -0.5 * terms.sum(axis=2)
    if observed is not None:
        o = np.flatnonzero(observed[0])
        x = x[:, o]
        loc = loc[:, o]
        rows = scale[:, o]
        scale = ops.cholesky(rows @ ops.transpose(rows, (0, 2, 1)))  # of Σ_oo
    d = x.shape[1]
    z = ops.triangular_solve(scale, ops.transpose(x - loc[:, None], (0, 2, 1)))  # L⁻¹ (x - μ)
    log_det = ops.log(scale[:, np.arange(d), np.arange(d)]).sum(axis=1)
    return -0.5 * ops.square(z).sum(axis=1) - (log_det.reshape(-1, 1) + 0.5 * d * LOG_2PI)


def standardising(log_weights, loc, scale):
    """Whitening, offset and constant, as the kernels of normal mixtures take them; numbers only."""
    k, d = loc.shape
    if scale.ndim == 3:
        log_det = np.log(np.diagonal(scale, axis1=1, axis2=2)).sum(axis=1)
        inverse = ops.triangular_solve(scale, np.broadcast_to(np.eye(d), scale.shape))
        whitening = np.broadcast_to(inverse.transpose(0, 2, 1), (k, d, d))
        offset = (loc[:, None] @ whitening)[:, 0]
    else:
        whitening = np.broadcast_to(1 / scale, (k, d))
        log_det = -np.log(whitening).sum(axis=1)
        offset = loc * whitening
    return whitening, offset, log_weights - log_det - 0.5 * d * LOG_2PI


def floored(covariance, form, least, refuse=False):
    """The covariance with eigenvalues below `least` raised to it; with `refuse` they are a ValueError instead.

    Of all covariances whose eigenvalues are at least that, this is the most likely one for the moments given.
    """
    if form in ("full", "tied"):
        try:  # much quicker than eigenvalues, and most covariances pass
            np.linalg.cholesky(covariance - least * np.eye(covariance.shape[-1]))
            return covariance
        except np.linalg.LinAlgError:
            values, vectors = np.linalg.eigh(covariance)
    else:
        values = covariance
        vectors = None
    low = values <= least
    if refuse and low.any():
        which = "the covariance" if form == "tied" else f"the covariance of component {np.argwhere(low)[0][0]} (from 0)"
        raise ValueError(f"x: {which} became singular (examples too few or equal, or columns that depend linearly "
                         "on others); a floor above 0 gives every direction at least that variance")
    values = np.maximum(values, least)
    return values if vectors is None else (vectors * values[..., None, :]) @ np.swapaxes(vectors, -1, -2)
