"""What tests of sources share: goodness of fit, and quadrature over the plane that no source uses."""

import numpy as np
from scipy import stats


def fit_p_value(counts, probabilities):
    """p-value of Pearson's chi-square for counts of cells; cells that expect less than 5 are taken together."""
    counts, expected = np.ravel(counts).astype(float), np.ravel(probabilities) * np.sum(counts)
    assert counts[expected == 0].sum() == 0
    small = expected < 5
    observed = np.append(counts[~small], counts[small].sum())
    expected = np.append(expected[~small], expected[small].sum())
    if expected[-1] < 5:  # too little even together: it goes to the largest cell
        largest = expected[:-1].argmax()
        for values in (observed, expected):
            values[largest] += values[-1]
        observed, expected = observed[:-1], expected[:-1]
    return stats.chisquare(observed, expected * observed.sum() / expected.sum()).pvalue


def panels(low, high, count, order):
    """Gauss-Legendre nodes and weights, each `(count, order)`, on `count` equal pieces of [low, high]."""
    t, w = np.polynomial.legendre.leggauss(order)
    edges = np.linspace(low, high, count + 1)
    half = np.diff(edges)[:, None] / 2
    return (edges[:-1, None] + edges[1:, None]) / 2 + half * t, half * w


def cells(source, low, high, counts, order=8):
    """(probability of each cell of a box, `counts`; -∫ p log p over the box), by Gauss-Legendre in every cell."""
    (x, wx), (y, wy) = (panels(low[i], high[i], counts[i], order) for i in range(2))
    points = np.stack(np.meshgrid(x.ravel(), y.ravel(), indexing="ij"), axis=-1)
    log_p = source.log_prob(points.reshape(-1, 2)).reshape(points.shape[:2])
    weights = np.outer(wx.ravel(), wy.ravel())
    p = np.exp(log_p) * weights
    mass = p.reshape(counts[0], order, counts[1], order).sum(axis=(1, 3))
    return mass, -(p * np.where(p > 0, log_p, 0.0)).sum()


def all_strings(levels, length):
    """Every string of `length` numbers below `levels`, `(levels**length, length)`, in counting order."""
    return np.arange(levels**length)[:, None] // levels ** np.arange(length)[::-1] % levels


def entropy(p):
    """-Σ p log p of an array of probabilities."""
    p = np.ravel(p)[np.ravel(p) > 0]
    return -(p * np.log(p)).sum()
