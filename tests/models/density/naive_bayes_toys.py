"""Tables with columns of several kinds, drawn from classes, and naive Bayes' joint density of them by scipy."""

import math

import numpy as np
from scipy import stats

from minigen import DataSpec, models

MIXED = DataSpec((4,), ("binary", "continuous", "discrete", "continuous"), (None, None, 3, None))
BITS = DataSpec((6,), "binary")


def mixed_rows(n, seed=0):
    """Rows of MIXED with their classes, 3 of them."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    bits = rng.random(n) < np.array([0.2, 0.6, 0.9])[y]
    levels = (rng.random(n)[:, None] > np.array([[0.2, 0.5], [0.6, 0.8], [0.1, 0.3]])[y]).sum(axis=1)
    first, second = rng.normal(np.array([-2.0, 0.0, 3.0])[y], 1.3), rng.normal(0, np.array([0.5, 2.0, 1.0])[y])
    return np.stack([bits, first, levels, second], axis=1).astype(np.float64), y


def bit_rows(n, d=6, k=2, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, k, n)
    return (rng.random((n, d)) < rng.random((k, d))[y]).astype(np.uint8), y


def nb(spec, **config):
    return models.create("naive_bayes", spec, **config)


def by_hand(model, row, seen=None):
    """log p(x, y) of one row of MIXED for each class, from the model's parameters and scipy."""
    seen = [True] * 4 if seen is None else seen
    found = []
    for k in range(model.config.n_classes):
        table, loc, variance = (model.categorical.log_probability.data[k], model.normal.loc.data[k],
                                model.normal.variance.data[k])
        terms = [table[int(row[0])], stats.norm.logpdf(row[1], loc[0], math.sqrt(variance[0])),
                 table[2 + int(row[2])], stats.norm.logpdf(row[3], loc[1], math.sqrt(variance[1]))]
        found.append(model.class_log_prior.data[k] + sum(t for t, ok in zip(terms, seen, strict=True) if ok))
    return np.array(found)


def holes(x, seed=1, fraction=0.3):
    observed = np.random.default_rng(seed).random(x.shape) > fraction
    return np.where(observed, x, 0), observed
