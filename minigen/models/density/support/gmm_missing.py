"""Missing values in a mixture of normals: what the observed ones say about them, component by component.

Given component k and the observed values, the missing ones are normal,

    x_m | x_o, k ~ N(μ_m + B (x_o - μ_o), Σ_mm - B Σ_om),    B = Σ_mo Σ_oo⁻¹,

and the E-step needs their mean and their covariance, weighted by r_k = p(k | x_o). Rows that have the same values
observed are treated together. Scales are those of `gmm_components`.

Ghahramani and Jordan, "Supervised learning from incomplete data via an EM approach", 1994, section 3.
"""

import numpy as np

from .patterns import patterns

BLOCK = 4096  # rows that are completed at a time


def completed_moments(rows, observed, r, loc, scale):
    """Σ_n r_nk E[x_n - μ_k] `(K, D)` and Σ_n r_nk E[(x_n - μ_k)(x_n - μ_k)ᵀ] `(K, D, D)` given the observed values.

    `rows` `(n, D)` are 0 where `observed` is false, `r` is `(n, K)`. For scales of diagonal covariances the second is
    `(K, D)`, of squares.
    """
    if scale.ndim == 2:  # missing columns keep mean and variance
        counts = r.T @ observed  # (K, D)
        squares = [(r[:, k, None] * observed * (rows - loc[k]) ** 2).sum(axis=0) for k in range(len(loc))]
        return r.T @ rows - counts * loc, np.array(squares) + (r.sum(axis=0)[:, None] - counts) * scale**2
    covariance = _matrices(scale, len(loc))
    first = np.zeros(loc.shape)
    second = np.zeros(covariance.shape)
    for chosen, o in _blocks(observed):
        slopes, rest = _regression(covariance, o)
        deviations = np.empty((len(loc), len(chosen), len(o)))  # (K, rows, D)
        deviations[:, :, o] = rows[chosen][:, o] - loc[:, None, o]
        deviations[:, :, ~o] = deviations[:, :, o] @ slopes.transpose(0, 2, 1)
        weighted = r[chosen].T[:, :, None] * deviations
        first += weighted.sum(axis=1)
        second += weighted.transpose(0, 2, 1) @ deviations
        second[(slice(None), *np.ix_(~o, ~o))] += r[chosen].sum(axis=0)[:, None, None] * rest
    return first, second


def complete(rows, observed, r, loc, scale, samples=None):
    """Rows with their missing values replaced by Σ_k r_nk E[x_m | x_o, k].

    With `samples` `(n, D)`, of N(μ_k, Σ_k) for each row's k, by a sample given x_o instead; r is then 1 at this k.
    """
    rows = rows.copy()
    covariance = _matrices(scale, len(loc)) if scale.ndim == 3 else None
    for chosen, o in _blocks(observed):
        # For any y ~ N(μ, Σ), y_m + B (x_o - y_o) has the distribution of x_m given x_o; for y = μ it is their mean.
        y = loc[:, None] if samples is None else samples[None, chosen]
        missing = np.broadcast_to(y[:, :, ~o], (len(loc), len(chosen), int((~o).sum())))
        if covariance is not None:
            slopes, _ = _regression(covariance, o)
            missing = missing + (rows[chosen][:, o] - y[:, :, o]) @ slopes.transpose(0, 2, 1)
        rows[np.ix_(chosen, ~o)] = np.einsum("nk,knm->nm", r[chosen], missing)
    return rows


def _matrices(scale, k):
    """The components' covariances `(K, D, D)`."""
    return np.broadcast_to(scale @ scale.transpose(0, 2, 1), (k, *scale.shape[1:]))


def _regression(covariance, o):
    """B `(K, m, o)` and Σ_mm - B Σ_om `(K, m, m)`, where the columns `o` are observed."""
    m = np.flatnonzero(~o)
    o = np.flatnonzero(o)
    between = covariance[:, o[:, None], m]
    slopes = np.linalg.solve(covariance[:, o[:, None], o], between).transpose(0, 2, 1)
    return slopes, covariance[:, m[:, None], m] - slopes @ between


def _blocks(observed):
    """The patterns of a mask, each with a few thousand of its rows at a time."""
    for chosen, o in patterns(observed):
        for start in range(0, len(chosen), BLOCK):
            yield chosen[start : start + BLOCK], o
