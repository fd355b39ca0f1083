"""Linear-Gaussian models with drawn parameters, data of such, and their density by its definition."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from minigen import DataSpec, models

NOISES = pytest.mark.parametrize("noise", ["isotropic", "diagonal"])


def model_of(d, m, noise="isotropic", seed=0, **config):
    """An unfitted model with parameters of many sizes."""
    model = models.create("ppca", DataSpec((d,), "continuous"), latent_dim=m, noise=noise, **config)
    random = np.random.default_rng(seed)
    model.loc.assign(3 * random.standard_normal(d))
    model.weight.assign(random.standard_normal((d, m)) * random.uniform(0.2, 2, (d, 1)))
    model.noise.assign(random.uniform(0.05, 1.5, model.noise.shape))
    return model


def factor_data(n, d, m, seed=0, share=0.0):
    """Draws of a factor model with unequal noise, and a mask without a share of the values (never a whole column)."""
    random = np.random.default_rng(seed)
    weight = random.standard_normal((d, m)) * random.uniform(0.5, 2, (1, m))
    x = random.standard_normal((n, m)) @ weight.T + random.standard_normal((n, d)) * random.uniform(0.4, 1.5, d) + 2
    observed = random.random((n, d)) >= share
    observed[np.arange(d) % n, np.arange(d)] = True
    return x, observed


def dense(model):
    """Mean and covariance of x by their definition."""
    weight = model.weight.data
    return model.loc.data, weight @ weight.T + np.diag(np.broadcast_to(model.noise.data, len(weight)))


def dense_log_prob(model, x, observed):
    """log p of the observed values of each row, by the dense covariance."""
    loc, covariance = dense(model)
    return np.array([multivariate_normal(loc[o], covariance[np.ix_(o, o)]).logpdf(row[o]) if o.any() else 0.0
                     for row, o in zip(x, observed, strict=True)])
