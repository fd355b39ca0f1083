"""What sources share: stable sums, draws by inversion, quadrature rules, and checks of parameters."""

import numpy as np


def logsumexp(values) -> np.ndarray:
    """log Σ exp(values) over the last axis, -inf where all are."""
    top = values.max(axis=-1)
    safe = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        return np.log(np.exp(values - safe[..., None]).sum(axis=-1)) + safe


def entropy_of(p, axis=None):
    """-Σ p log p in nats over `axis` (by default all), with 0 log 0 = 0."""
    p = np.asarray(p, np.float64)
    return -(p * np.log(np.where(p > 0, p, 1.0))).sum(axis=axis)


def draw_categories(weights, rng, n: int) -> np.ndarray:
    """`n` indices with probability proportional to `weights`, a vector."""
    cumulative = np.cumsum(weights)
    return np.searchsorted(cumulative, rng.random(n) * cumulative[-1], side="right")


def draw_rows(cumulative, rng) -> np.ndarray:
    """An index for each row of sums of weights up to each index, `(n, categories)`, in proportion to the weights.

    By inversion: the first index whose sum exceeds u times the last, u uniform in [0, 1). There is one, as u is at
    most 1 - 2^-53, and that times a number is rounded to less than it.
    """
    return (cumulative <= (rng.random(len(cumulative)) * cumulative[:, -1])[:, None]).sum(axis=1)


def gauss_legendre(low: float, high: float, panels: int, order: int = 16):
    """Nodes and weights of the Gauss-Legendre rule of `order` on each of `panels` equal pieces of [low, high]."""
    t, w = np.polynomial.legendre.leggauss(order)
    width = (high - low) / panels
    nodes = low + width * (np.arange(panels)[:, None] + 0.5 * (t + 1))
    return nodes.ravel(), np.tile(0.5 * width * w, panels)


def check_number(name: str, value, low=-np.inf, high=np.inf) -> float:
    """`value` as a float; TypeError if it is no real number, ValueError unless low < value < high."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name}: expected a real number, got {value!r}")
    if not low < value < high:
        raise ValueError(f"{name}: expected a number above {low} and below {high}, got {value!r}")
    return float(value)


def check_array(name: str, value, ndim: int) -> np.ndarray:
    """`value` as a float64 array with `ndim` axes; TypeError or ValueError if it is none or not finite."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name}: expected an array of numbers: {error}") from None
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name}: expected an array of numbers, got dtype {array.dtype}")
    if array.ndim != ndim or array.size == 0:
        raise ValueError(f"{name}: expected {ndim} axes, none of them empty, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: expected finite numbers")
    return array.astype(np.float64)
