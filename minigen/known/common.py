"""What sources share: entropies, a quadrature rule, and the check of an array of parameters."""

import numpy as np


def entropy_of(p, axis=None):
    """-Σ p log p in nats over `axis` (by default all), with 0 log 0 = 0."""
    p = np.asarray(p, np.float64)
    return -(p * np.log(np.where(p > 0, p, 1.0))).sum(axis=axis)


def gauss_legendre(low: float, high: float, panels: int, order: int = 16):
    """Nodes and weights of the Gauss-Legendre rule of `order` on each of `panels` equal intervals of [low, high]."""
    t, w = np.polynomial.legendre.leggauss(order)
    width = (high - low) / panels
    nodes = low + width * (np.arange(panels)[:, None] + 0.5 * (t + 1))
    return nodes.ravel(), np.tile(0.5 * width * w, panels)


def check_array(name: str, value, ndim: int) -> np.ndarray:
    """`value` as a float64 array with `ndim` axes. Raises TypeError or ValueError for anything else, NaN included."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name}: expected an array of numbers: {error}") from None
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name}: expected an array of numbers, got dtype {array.dtype}")
    if array.ndim != ndim or array.size == 0:
        raise ValueError(f"{name}: expected {ndim} axes that are not empty, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: expected finite numbers")
    return array.astype(np.float64)
